"""Audit: who did or tried what, for administrators to search and take away."""

from realtime.ui.audit_parts import audit_page

audit_page()
