"""Holds the rules that apply unless settings say otherwise: for every event type, and the sample day. Pure."""

from __future__ import annotations

from typing import Final

from realtime.notifications.rules import Condition, Pattern, Rate, Rule, plain_rule

_OPEN: Final = (("Open {id}", "open", "{collection}/{id}"),)

_DEPARTED: Final = Pattern(("collection:updated",), ("flights",), (Condition("status", "changed-to", "departed"),))

# Of rules that are equally severe the last is told: the special ones stand below the general ones.
DEFAULT_RULES: Final[tuple[Rule, ...]] = (
    plain_rule("critical", "*", "critical", "Marked critical: {type}", "{collection} {id}",
               where=(Condition("critical", "==", True),), group="critical {type} {collection}"),
    plain_rule("created", "collection:created", "info", "New in {collection}: {id}", "By {actor}.", actions=_OPEN,
               is_routine=True),
    plain_rule("updated", "collection:updated", "info", "Changed in {collection}: {id}", "By {actor}.", actions=_OPEN,
               is_routine=True),
    plain_rule("deleted", "collection:deleted", "info", "Deleted from {collection}: {id}", "By {actor}."),
    plain_rule("login", "user:login", "info", "{userId} signed in", "", group="people came and went", is_routine=True),
    plain_rule("logout", "user:logout", "info", "{userId} signed out", "", group="people came and went",
               is_routine=True),
    plain_rule("activity", "user:activity", "info", "{userId}: {action}", "", group="people did", is_routine=True),
    plain_rule("maintenance", "system:maintenance", "critical", "Maintenance planned for {scheduledTime}", "{message}",
               kind="warning", group="maintenance {scheduledTime}"),
    plain_rule("error-low", "system:error", "warning", "A problem in the watched system", "{error}",
               where=(Condition("data.severity", "==", "low"),)),
    plain_rule("error-medium", "system:error", "error", "An error in the watched system", "{error}",
               where=(Condition("data.severity", "==", "medium"),)),
    plain_rule("error-high", "system:error", "critical", "A serious error in the watched system", "{error}",
               where=(Condition("data.severity", "==", "high"),)),
    plain_rule("established", "connection:established", "success", "Connected to the gateway", "", group="connection",
               clears="connection", is_routine=True),
    plain_rule("lost", "connection:lost", "warning", "Connection to the gateway lost", "{reason}", group="connection"),
    plain_rule("restored", "connection:restored", "success", "Connection to the gateway restored",
               "It was away for {downtime} s; what was missed is here.", group="connection", clears="connection"),
    plain_rule("gap", "connection:gap", "warning", "Events could not be recovered",
               "{count} events of {data.channel}, from {since} to {until}.", group="gaps {data.channel}"),
    plain_rule("flight-cancelled", "collection:deleted", "warning", "Flight {id} from {origin} cancelled",
               "To {destinationName}, due {scheduledDeparture}.", collections=("flights",),
               group="flights cancelled {origin}"),
    plain_rule("flights-cancelled", "collection:deleted", "critical", "{origin}: {share} of flights cancelled",
               "{hits} of {sample} flights due in {window}.", collections=("flights",), group="cancellations {origin}",
               rate=Rate(
                   window_s=1800, above=0.10, clear_below=0.05, minimum=10,
                   among=_DEPARTED,
                   # The day may be played faster than life; when flights left or were due is in the data.
                   time=("departedAt", "scheduledDeparture"),
               )),
)  # fmt: skip
