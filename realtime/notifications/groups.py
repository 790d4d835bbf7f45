"""One group of a rate rule: its gauge, the newest fact, and both as a value that can be kept. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from realtime.notifications.facts import Fact
from realtime.notifications.rates import Gauge
from realtime.notifications.rules import Rate, Rule

_MAX_CHARS = 500


class GroupState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group as it is kept: whose it is, the window's buckets, and what stands."""

    rule: str
    key: str
    window_s: float
    at: float
    told_bucket: int = 0
    is_crossed: bool = False
    is_watched: bool = True
    newest: int | None = None
    buckets: tuple[tuple[int, int, int], ...] = ()
    fact: Fact | None = None


class Group:
    """A group at work. `at` is its newest fact's time on the gauge's clock."""

    __slots__ = ("at", "fact", "gauge", "told_bucket")

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        self.fact: Fact | None = None
        self.at = 0.0
        self.told_bucket = 0

    def state(self, rule: Rule, key: str) -> GroupState:
        """Return it as it is kept; of the fact only what the rule asks about."""
        window = self.gauge.window
        assert rule.rate is not None
        return GroupState(
            rule=rule.id, key=key, window_s=rule.rate.window_s, at=self.at, told_bucket=self.told_bucket,
            is_crossed=self.gauge.is_crossed, is_watched=self.gauge.is_watched, newest=window.newest,
            buckets=window.buckets, fact=None if self.fact is None else _cut(self.fact, rule),
        )  # fmt: skip

    @classmethod
    def restored(cls, state: GroupState, rate: Rate) -> Group:
        """Make a group of what was kept of it."""
        group = cls(Gauge(rate, is_crossed=state.is_crossed))
        group.gauge.is_watched = state.is_watched
        group.gauge.window.restore(state.buckets, newest=state.newest)
        group.fact, group.at, group.told_bucket = state.fact, state.at, state.told_bucket
        return group


def _cut(fact: Fact, rule: Rule) -> Fact:
    asked = {name for path in rule.fields() for name in (path, path.partition(".")[0], path.partition(".")[2])}
    asked |= {name.partition(".")[0] for name in asked}

    def cut(values: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if values is None else {name: _short(values[name]) for name in asked if name in values}

    return msgspec.structs.replace(
        fact, document=cut(fact.document), before=cut(fact.before), values=cut(fact.values) or {}
    )


def _short(value: Any) -> Any:
    return value[:_MAX_CHARS] if isinstance(value, str) else value
