"""The frame of every page: navigation and sidebar. Streamlit runs it first, whatever page's URL is opened."""

import streamlit as st

from realtime.ui.admin import may_administer
from realtime.ui.notifications_hook import hold_inbox
from realtime.ui.profile import take_seat
from realtime.ui.sidebar import MARK, brand, sidebar
from realtime.ui.sign_in import gate, is_welcome
from realtime.ui.tracking import note_page

st.set_page_config(page_title="Tideboard", page_icon=str(MARK), layout="wide")
is_in = is_welcome()
if is_in:
    brand()
ADMIN = st.Page(
    "admin.py",
    title="Admin",
    icon=":material/admin_panel_settings:",
    url_path="admin",
    help="Switch parts off and back on while everything runs, and see how it goes.",
)
AUDIT = st.Page(
    "audit.py",
    title="Audit",
    icon=":material/policy:",
    url_path="audit",
    help="Who did or tried what, when, from where, and how it went.",
)
pages = [
    st.Page(
        "overview.py",
        title="Overview",
        icon=":material/monitoring:",
        default=True,
        help="What happens now: key numbers, events over time, the busiest collections and the newest events.",
    ),
    st.Page(
        "collections.py",
        title="Collections",
        icon=":material/database:",
        url_path="collections",
        help="One collection at a time: a chart, a live table with filters, and each document with its history.",
    ),
    st.Page(
        "activity.py",
        title="Activity",
        icon=":material/stream:",
        url_path="activity",
        help="Every event as it comes, filtered or grouped, and who is here and looks at what.",
    ),
    st.Page(
        "notifications.py",
        title="Notifications",
        icon=":material/notifications:",
        url_path="notifications",
        help="What deserves notice: the inbox, what you want to hear of and how, and what was told.",
    ),
    st.Page(
        "health.py",
        title="Health",
        icon=":material/ecg_heart:",
        url_path="health",
        help="How the connection lives, how fast events get here, and how the app itself is doing.",
    ),
    *([ADMIN, AUDIT] if not is_in or may_administer() else []),
]
page = st.navigation(pages, position="sidebar" if is_in else "hidden")
gate(page, pages)
take_seat()
hold_inbox()
sidebar()
note_page(page.title)
page.run()
