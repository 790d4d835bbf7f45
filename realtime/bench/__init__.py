"""Measures the running product: latency to the pixel, ingest, many tabs, recovery; starts and stops what it measures.

Talks to it as anyone would, by HTTP, WebSocket and browser; imports nothing of client, store, views, live, ui, gateway,
but for `follower`, which is the product in a process of its own.
"""
