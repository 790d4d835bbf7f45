"""The numbers Tideboard keeps about itself, in one prometheus registry. No logic, no other rooms.

Threads: any (prometheus-client locks each metric).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

EVENTS_STORED = Counter("tideboard_events_stored", "Events made durable", registry=REGISTRY)
EVENTS_REFUSED = Counter("tideboard_events_refused", "Events refused, by code", ["code"], registry=REGISTRY)
EVENTS_DUPLICATE = Counter("tideboard_events_duplicate", "Events posted again", registry=REGISTRY)
COMMIT_SECONDS = Histogram("tideboard_commit_seconds", "Time of one group commit", buckets=_SECONDS, registry=REGISTRY)
COMMIT_EVENTS = Histogram(
    "tideboard_commit_events",
    "Events in one group commit",
    buckets=(1, 2, 5, 10, 50, 100, 500, 1000, 5000),
    registry=REGISTRY,
)
CONNECTIONS = Gauge("tideboard_connections", "Open sockets, by hub", ["hub"], registry=REGISTRY)
DELIVERIES = Counter("tideboard_deliveries", "Publications queued to sockets, by hub", ["hub"], registry=REGISTRY)
COALESCED = Counter(
    "tideboard_coalesced", "Publications replaced by a newer one in a queue", ["hub"], registry=REGISTRY
)
SLOW_CLOSED = Counter("tideboard_slow_closed", "Connections closed as slow", ["hub"], registry=REGISTRY)
CLIENT_DIALS = Counter(
    "tideboard_client_dials", "Dials of the client thread, by outcome", ["outcome"], registry=REGISTRY
)
CLIENT_STALE = Counter(
    "tideboard_client_stale_results", "Results of an older dial that were dropped", registry=REGISTRY
)
OUTBOX_ENTRIES = Gauge("tideboard_outbox_entries", "Emits that wait or are refused", registry=REGISTRY)
OUTBOX_OVERFLOWS = Counter(
    "tideboard_outbox_overflows", "Emits refused at the click for want of room", registry=REGISTRY
)
OUTBOX_OUTCOMES = Counter(
    "tideboard_outbox_outcomes", "Answers to emits: confirmed, refused, postponed", ["outcome"], registry=REGISTRY
)
CLIENT_POLLS = Counter("tideboard_client_polls", "Polls that were answered", registry=REGISTRY)
CLIENT_GAPS = Counter(
    "tideboard_client_gaps", "Channels left and joined anew for a hole or a failed load", registry=REGISTRY
)
CLIENT_LOST = Counter("tideboard_client_lost", "Holes in the feed that could not be filled", registry=REGISTRY)
STORE_APPLIED = Counter("tideboard_store_applied", "Events applied to the store", registry=REGISTRY)
STORE_DROPPED = Counter("tideboard_store_duplicates", "Events the store had already applied", registry=REGISTRY)
STORE_UNKNOWN = Counter("tideboard_store_unknown", "Events of a type this version doesn't know", registry=REGISTRY)
VIEW_RENDERS = Counter("tideboard_view_renders", "Views computed", ["view"], registry=REGISTRY)
VIEW_SECONDS = Histogram(
    "tideboard_view_seconds", "Time to compute and encode a view", ["view"], buckets=_SECONDS, registry=REGISTRY
)
# The app's own side, as the Health page shows it
CLIENT_CONNECTED = Gauge("tideboard_client_connected", "1 while the store is current, else 0", registry=REGISTRY)
CLIENT_BYTES = Counter("tideboard_client_bytes", "Bytes over the client's socket", ["direction"], registry=REGISTRY)
CLIENT_CONNECT_SECONDS = Histogram(
    "tideboard_client_connect_seconds", "From a dial to being in sync", buckets=_SECONDS, registry=REGISTRY
)
CLIENT_OUTAGE_SECONDS = Histogram(
    "tideboard_client_outage_seconds",
    "From losing the connection to being in sync again",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
    registry=REGISTRY,
)
DELIVERY_SECONDS = Histogram(
    "tideboard_delivery_seconds",
    "From the gateway's commit to the store, of the newest event of each run",
    buckets=_SECONDS,
    registry=REGISTRY,
)
APP_MEMORY = Gauge("tideboard_app_memory_bytes", "Memory the process holds (resident set)", registry=REGISTRY)
APP_CPU = Gauge("tideboard_app_cpu_share", "CPU of the process in the last 5 s, 1 is one core", registry=REGISTRY)
APP_THREADS = Gauge("tideboard_app_threads", "Threads of the process", registry=REGISTRY)
APP_OPEN_FILES = Gauge("tideboard_app_open_files", "Open files and sockets of the process", registry=REGISTRY)
HUB_BYTES_IN = Counter("tideboard_hub_bytes_in", "Bytes of commands taken from sockets", ["hub"], registry=REGISTRY)
HUB_BYTES_OUT = Counter("tideboard_hub_bytes_out", "Bytes given to sockets", ["hub"], registry=REGISTRY)
QUEUE_DEEPEST = Gauge(
    "tideboard_queue_deepest_bytes",
    "Most that waited for one connection in the last second",
    ["hub"],
    registry=REGISTRY,
)
DOOR_WAITING = Gauge("tideboard_door_waiting", "Connections waiting to be let in, by hub", ["hub"], registry=REGISTRY)
RECOVERIES = Counter(
    "tideboard_recoveries", "Resumes asked for, by whether they could be", ["recovered"], registry=REGISTRY
)
REDELIVERED = Counter(
    "tideboard_criticals_redelivered", "Critical events given again to who hadn't acknowledged", registry=REGISTRY
)
ACK_SECONDS = Histogram(
    "tideboard_ack_seconds",
    "From a critical event's commit to its acknowledgement",
    buckets=(*_SECONDS, 10.0, 30.0, 60.0, 600.0),
    registry=REGISTRY,
)
CLIENT_REDELIVERED = Counter(
    "tideboard_client_redelivered", "Critical events the client was given again", registry=REGISTRY
)
DEAD_LETTERS = Counter(
    "tideboard_dead_letters", "Critical events given up on, by reason", ["reason"], registry=REGISTRY
)
NOTICES = Counter("tideboard_notices", "Commands put into inboxes by the gateway itself", registry=REGISTRY)
NOTICES_UNJUDGED = Counter(
    "tideboard_notices_unjudged",
    "Events that couldn't be judged for notices, or were trimmed before",
    registry=REGISTRY,
)
AUDIT_ROWS = Counter("tideboard_audit_rows", "Rows written to the audit", registry=REGISTRY)
AUDIT_LOST = Counter("tideboard_audit_lost", "Notes for the audit that found no room", registry=REGISTRY)
PRESENCE_PEOPLE = Gauge("tideboard_presence_people", "People at this app's pages", registry=REGISTRY)
PRESENCE_DROPPED = Counter(
    "tideboard_presence_dropped", "Actions of people not told as events, for they came too fast", registry=REGISTRY
)
FLAG_PERCENT = Gauge(
    "tideboard_flag_percent", "Share of the people for whom a flag is on, 0 to 100", ["flag"], registry=REGISTRY
)
LIMITED = Counter("tideboard_limited", "Refusals for too much of something, by limit", ["limit"], registry=REGISTRY)
