"""Words that both sides of the wire share: frames, events, positions, channels.

Pure: no time, random, socket, threading or asyncio in here; the caller brings the time.
"""
