"""Tables and JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from realtime.bench import ingest, latency, report, tabs
from realtime.bench.spread import Spread, spread_of

SPREAD = Spread(count=3, p50=4.04, p95=17.4, p99=17.6, max=1343.2)
WAY = latency.Way(
    name="Tideboard",
    tabs=2,
    from_post=SPREAD,
    from_answer=None,
    paints_per_event=0.98,
    lost=1,
    out_of_order=2,
    removals=3,
    server_cpu=0.024,
    browser_cpu=0.5,
    other_cpu=0.1,
    clock_error_ms=0.0,
)
LATENCY = latency.Latency(tabs=2, rate=5, duration_s=10, events=50, answered=SPREAD, late=spread_of([]), ways=(WAY,))


def printed(table: object) -> str:
    """Return a table as it is printed on a plain terminal, with its white space as single blanks."""
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (4.04, "4.0"), (17.4, "17"), (1343.2, "1,343"), (-0.3, "-0.3")]
)
def test_times_are_written_with_the_digits_that_matter(value: float | None, text: str) -> None:
    """Tenths under 10 ms, whole ones above, and no figure at all where nothing was measured."""
    assert report.milliseconds(value) == text


def test_a_table_of_latency_shows_each_way_with_its_figures() -> None:
    """Lost and out-of-order updates stand beside the times: a fast page that loses is no fast page."""
    text = printed(latency.table_of(LATENCY))
    for row in ("p50 ms │ 4.0", "p95 ms │ 17", "max ms │ 1,343", "answered → DOM p95 ms │ –", "server CPU │ 2.4 %"):
        assert row in text
    for row in (
        "paints per event │ 0.98",
        "lost │ 1",
        "out of order │ 2",
        "chart removed │ 3",
        "Chromium CPU │ 50.0 %",
    ):
        assert row in text
    assert "moment a POST was due" in text


def test_a_table_of_ingest_shows_events_a_second() -> None:
    """With the memory in MiB."""
    outcome = ingest.Ingestion(
        batch=200, producers=2, duration_s=10, events=123_456, events_per_s=12_345.6, post=SPREAD,
        server_cpu=0.9, server_memory_bytes=100 * 2**20,
    )  # fmt: skip
    text = printed(ingest.table_of(outcome))
    assert "123,456" in text
    assert "12,346" in text
    assert "100 MiB" in text


def test_a_table_of_tabs_says_the_ratio_and_what_a_hidden_tab_got() -> None:
    """These two are what the benchmark is for."""
    crowd = tabs.Crowd(
        tabs=100, views=5, server_cpu=0.1, above_idle=0.08, time=SPREAD, missing=0, pushes_per_tab=75,
        bytes_per_tab=2048, fewest_pushes=75, late_opened_ms=321, memory_bytes=2**20,
    )  # fmt: skip
    outcome = tabs.Tabs(rate=5, duration_s=15, crowds=(crowd,), ratio=1.234, hidden_bytes=0, hidden_heartbeats=1)
    text = printed(tabs.table_of(outcome))
    assert "1.23 ×" in text
    assert "sent 0 bytes (and 1 heartbeats)" in text


def test_a_page_takes_the_table_of_the_command_it_shows(tmp_path: Path) -> None:
    """Only between the marks under that very command; what else is on the page stays."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n```\nbench a\n```\nwords\n<!-- measured -->\nold\n<!-- /measured -->\n"
        "```\nbench b\n```\n<!-- measured -->\nkept\n<!-- /measured -->\n"
    )
    table = report.table_of("T", columns=["server", "p50"], rows=[["ours | theirs", "1.5"]], caption="Times in ms.")
    report.put_under(page, "bench a", table)
    report.put_under(page, "bench a", table)
    assert page.read_text() == (
        "# Page\n```\nbench a\n```\nwords\n<!-- measured -->\n"
        "| server | p50 |\n| --- | --- |\n| ours \\| theirs | 1.5 |\n\nTimes in ms.\n<!-- /measured -->\n"
        "```\nbench b\n```\n<!-- measured -->\nkept\n<!-- /measured -->\n"
    )
    for command in ("bench c", "bench"):
        with pytest.raises(LookupError, match="no place for"):
            report.put_under(page, command, table)


def test_json_holds_the_figures_and_the_machine(tmp_path: Path) -> None:
    """Figures without the machine they were measured on can't be compared; its name is nobody's business."""
    path = tmp_path / "latency.json"
    console = Console(file=io.StringIO())
    report.publish(console, latency.table_of(LATENCY), outcome=LATENCY, json_path=path)
    written = json.loads(path.read_text())
    assert written["ways"][0]["from_post"]["p95"] == 17.4
    assert set(written["machine"]) == {"cores", "memory_bytes", "python", "system"}
