"""Takes events in, makes them durable, hands them out: log, documents, HTTP API, and the socket's backend.

Never sees the client's memory: no import of client, store, views, live or ui in here.
"""
