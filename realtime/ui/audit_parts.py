"""Lays out the Audit page: search, page by page, whether the chain holds, and exports. Words: realtime.views.audit."""

from __future__ import annotations

import time
from typing import Any, Final

import streamlit as st

from realtime.client.audit import AuditBook
from realtime.errors import NotConnected
from realtime.live.runtime import current
from realtime.protocol.audit import AuditPage, AuditRow
from realtime.ui.admin import may_administer
from realtime.ui.headings import panel_heading
from realtime.ui.noting import noter
from realtime.ui.person import current_person
from realtime.ui.place import zone
from realtime.views import audit
from realtime.views.export import file_name
from realtime.views.words import plural

ROWS: Final = 50
_HEIGHT: Final = 560
MOST_EXPORTED: Final = 10_000
_PATH: Final = "tideboard.audit-path"
_VERDICT: Final = "tideboard.audit-verdict"
_FILTERS: Final = ("audit-text", "audit-actor", "audit-action", "audit-outcome", "audit-period")


def audit_page() -> None:
    """Show the audit to administrators; to others, what they lack and whom to ask."""
    if not may_administer():
        st.warning("Only administrators may see this page. Ask one of them for the role admin.", icon=":material/lock:")
        return
    if current().audit is None:
        st.info("This dashboard follows no gateway, so there is no audit.", icon=":material/policy:")
        return
    with panel_heading("Audit"):
        tools = st.container(horizontal=True, gap="small", width="content")
    st.caption(
        "Who did or tried what, when, from where, and how it went. Names only, never contents. Each row is chained to "
        "the one before it, so that a changed or missing one is found."
    )
    search = _filters()
    with tools:
        st.button("Check the chain", icon=":material/link:", on_click=_check, key="audit-check")
        _export(search)
    _verdict()
    _results(search)


def _filters() -> dict[str, str]:
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="audit-filters")
    with row:
        text = st.text_input(
            "Search", key="audit-text", placeholder="Any column", icon=":material/search:", width=220,
            bind="query-params", on_change=_to_newest,
        )  # fmt: skip
        actor = st.text_input(
            "Who", key="audit-actor", placeholder="Anybody", width=160, bind="query-params", on_change=_to_newest
        )
        action = st.selectbox(
            "Did", ["", *audit.ACTIONS], key="audit-action", width=180, format_func=_action, on_change=_to_newest,
            bind="query-params",
        )  # fmt: skip
        outcome = st.selectbox(
            "Outcome", ["", *audit.OUTCOMES], key="audit-outcome", width=150, format_func=_outcome,
            on_change=_to_newest, bind="query-params",
        )  # fmt: skip
        period = st.selectbox(
            "When", list(audit.PERIODS), key="audit-period", width=160, on_change=_to_newest, bind="query-params"
        )
    began = audit.since(period, now=time.time())
    return {"text": text, "actor": actor.strip(), "action": action, "outcome": outcome, "since": began}


def _results(search: dict[str, str]) -> None:
    path: list[int] = st.session_state.setdefault(_PATH, [])
    try:
        page = _book().page(limit=ROWS, before=path[-1] if path else None, **search)
    except NotConnected as error:
        st.error(str(error), icon=":material/cloud_off:")
        return
    if not page.rows:
        with st.container(border=True, horizontal_alignment="center"):
            st.markdown("**Nothing here**")
            st.caption("No row passes these filters. Widen the period, or clear the search.")
    else:
        st.dataframe(
            audit.table(page.rows, zone=zone()),
            column_config=_columns(),
            hide_index=True,
            height=_HEIGHT,
            key="audit-rows",
        )
    _turning(page, path)


def _turning(page: AuditPage, path: list[int]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Newer", icon=":material/chevron_left:", disabled=not path, on_click=_turn, args=(None,), key="audit-newer"
        )
        st.button(
            "Older", icon=":material/chevron_right:", disabled=page.before is None, on_click=_turn,
            args=(page.before,), key="audit-older",
        )  # fmt: skip
        st.button("Refresh", icon=":material/refresh:", on_click=_to_newest, key="audit-refresh")
        if page.rows:
            st.caption(f"Rows {page.rows[-1].number:,}–{page.rows[0].number:,} · times in {zone()}")


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "When": config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", width=150, pinned=True),
        "Who": config.TextColumn(width=150),
        "Did": config.TextColumn(width="small"),
        "Outcome": config.TextColumn(width="small"),
        "What": config.TextColumn(width="medium"),
        "Details": config.TextColumn(width="medium"),
        "Times": config.NumberColumn(width="small", help="How often in that moment: many at once are one row."),
        "From": config.TextColumn(width="small"),
    }


def _verdict() -> None:
    found: tuple[bool, str] | None = st.session_state.pop(_VERDICT, None)
    if found is not None:
        is_whole, words = found
        (st.success if is_whole else st.error)(words, icon=":material/verified:" if is_whole else ":material/link_off:")


def _check() -> None:
    try:
        st.session_state[_VERDICT] = audit.verdict(_book().verify())
    except NotConnected as error:
        st.session_state[_VERDICT] = (False, str(error))


def _export(search: dict[str, str]) -> None:
    book, now, note = _book(), time.time(), noter(current_person().id)

    def rows(form: str) -> list[AuditRow]:
        found = list(book.rows(most=MOST_EXPORTED, **search))
        note("export", target="audit", detail=f"{form}, {plural(len(found), 'row')}")
        return found

    with st.popover("Export", icon=":material/download:"):
        st.caption(f"The newest {MOST_EXPORTED:,} rows that pass the filters. All: `python -m realtime audit export`.")
        st.download_button(
            "CSV", data=lambda: audit.csv_of(rows("CSV")), mime="text/csv", on_click="ignore", width="stretch",
            file_name=file_name("audit", now=now, ending="csv"), icon=":material/csv:", key="audit-csv",
        )  # fmt: skip
        st.download_button(
            "JSON lines", data=lambda: audit.lines_of(rows("JSON lines")), mime="application/x-ndjson",
            on_click="ignore", width="stretch", icon=":material/data_object:", key="audit-jsonl",
            file_name=file_name("audit", now=now, ending="jsonl"),
        )  # fmt: skip


def _turn(before: int | None) -> None:
    path: list[int] = st.session_state.setdefault(_PATH, [])
    st.session_state[_PATH] = path[:-1] if before is None else [*path, before]


def _to_newest() -> None:
    st.session_state[_PATH] = []


def _book() -> AuditBook:
    book = current().audit
    if book is None:
        raise NotConnected("This dashboard follows no gateway any more.")
    return book


def _action(name: str) -> str:
    return audit.ACTIONS.get(name, "Anything")


def _outcome(name: str) -> str:
    return audit.OUTCOMES.get(name, "Any")
