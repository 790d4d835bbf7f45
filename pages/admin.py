"""Admin: what is switched off and on while everything runs, and how it goes."""

from realtime.ui.admin_parts import admin_page

admin_page()
