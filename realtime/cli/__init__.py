"""The command line: `python -m realtime …`. Says and asks; the work is done in other rooms.

Talks to a gateway over its public API only; nothing in here reads the store or the log.
"""
