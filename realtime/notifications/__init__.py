"""Decides what deserves notice, and keeps one person's inbox, preferences, toasts and history as values.

No clocks, chance, sockets, threads, storage or drawing in here: the caller brings facts and the time, and carries out
what comes back. Nothing is ever markup: titles and messages are plain text.
"""
