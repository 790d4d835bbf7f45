"""The audit in a browser: checked, taken away as a file, and noting that it was."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from realtime.bench.process import Process
from tests.browser.board import open_collection, row, walk_to
from tests.support.producing import Poster, created
from tests.support.waiting import until


@pytest.fixture
def page(kept: Page) -> Page:
    """Go on in the tab of the test before."""
    return kept


def noted(app: Process, action: str) -> list[dict[str, Any]]:
    """Return the rows of an action."""
    answer = httpx.get(f"{app.base_url}/api/audit", params={"action": action}, trust_env=False)
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def test_the_chain_is_checked_and_the_rows_are_taken_away(page: Page, app: Process, poster: Poster) -> None:
    """The file holds what was written, and taking it is in the audit itself."""
    poster.post(created("orders", {"id": "A-1"}))
    walk_to(page, f"{app.base_url}/audit?audit-text=A-1")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.get_by_role("button", name="Check the chain").click()
    expect(page.get_by_text("Whole:")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waited:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="CSV").click()
    text = Path(waited.value.path()).read_text(encoding="utf-8-sig")
    [line] = list(csv.DictReader(text.splitlines()))
    assert (line["action"], line["outcome"], line["target"]) == ("write", "ok", "collection:orders/A-1")
    until(lambda: [one["detail"] for one in noted(app, "export")] == ["CSV, 1 row"])


def test_an_export_of_documents_is_noted(page: Page, app: Process, poster: Poster) -> None:
    """With who took what, how much of it, and from where."""
    poster.post(created("takings", {"id": "T-1"}))
    open_collection(page, app.base_url, "takings")
    expect(row(page, "T-1")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download():
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="CSV").click()
    until(lambda: any(one["target"] == "collection:takings" for one in noted(app, "export")))
    [one] = [one for one in noted(app, "export") if one["target"] == "collection:takings"]
    assert (one["actor"], one["detail"], one["origin"]) == ("local", "CSV, 1 document", "127.0.0.1")
