"""Collections: choose one, chart it, filter it, open a document and change it."""

from realtime.ui.collections_parts import collections_page

collections_page()
