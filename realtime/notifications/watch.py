"""Watches events with the rules: facts in, signals out, and remembers what rates and changes need. Bounded.

No clock: rates run on the events' own time, and `tick` brings the present. Threads: one at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from realtime.notifications.facts import Fact, moment
from realtime.notifications.model import RANKS, Cleared, Notification, Retold, Signal
from realtime.notifications.rates import BUCKETS, Gauge
from realtime.notifications.recall import Recall
from realtime.notifications.rules import Rate, Rule
from realtime.notifications.seen import Seen

GROUPS_KEPT: Final = 1_000
_KINDS_KEPT: Final = 2_000


class _Group:
    """A rate rule's group: its gauge, and the newest fact with its time on the gauge's clock."""

    __slots__ = ("at", "fact", "gauge", "told_bucket")

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        self.fact: Fact | None = None
        self.at = 0.0
        self.told_bucket = 0


class Watch:
    """The rules at work. `overflowed` counts events of groups there was no room for."""

    def __init__(self, rules: Sequence[Rule], *, groups_kept: int = GROUPS_KEPT) -> None:
        self.overflowed = 0
        self.rules = tuple(rules)
        self._groups_kept = groups_kept
        self._recall = Recall(fields=frozenset().union(*(rule.fields() for rule in rules)))
        self._counted = Seen()
        self._groups: dict[str, OrderedDict[str, _Group]] = {rule.id: OrderedDict() for rule in rules if rule.rate}
        self._candidates = lru_cache(maxsize=_KINDS_KEPT)(self._candidates_of)

    def remember(self, collection: str, documents: Iterable[dict[str, Any]]) -> None:
        """Take in documents as they are before anything happens to them. A snapshot, for example."""
        for document in documents:
            self._recall.note(collection, document)

    def adopt(self, alarms: Iterable[tuple[str, str]], *, now: float) -> None:
        """Take over alarms (rule id, key) that stand in an inbox, so that they aren't told again but can end."""
        rates = {rule.id: rule.rate for rule in self.rules if rule.rate}
        for rule_id, key in alarms:
            if rule_id in rates and key not in self._groups[rule_id]:
                group = _Group(Gauge(rates[rule_id], is_crossed=True))
                group.at = now
                self._groups[rule_id][key] = group

    def take(self, fact: Fact) -> tuple[Signal, ...]:
        """Judge one event: what is over first, then the worst notice for each audience, then the rates.

        An event that comes again gives the same notice again (the inbox knows it), but is counted in no rate twice.
        """
        fact = self._recall.complete(fact)
        candidates = self._candidates(fact.type, fact.collection)
        signals: list[Signal] = [*_over(candidates, fact), *_notices(candidates, fact)]
        source = fact.source
        stream = f"{source.channel}@{source.epoch}"
        if self._groups and self._counted.fresh(stream, (source.offset,)):
            self._counted = self._counted.take(stream, (source.offset,))
            for rule in candidates:
                if rule.rate is not None:
                    signals += self._rate(rule, rule.rate, fact)
        self._recall.take(fact)
        return tuple(signals)

    def tick(self, now: float) -> tuple[Signal, ...]:
        """Let time go on, so that a rate whose events have ended is over, too.

        A group's own clock goes on from its newest event as fast as the present does.
        """
        signals: list[Signal] = []
        for rule in self.rules:
            if rule.rate is None:
                continue
            for key, group in list(self._groups[rule.id].items()):
                signals += _tick(rule, rule.rate, key, group, now=now)
                if not group.gauge.is_crossed and not group.gauge.window.total:
                    del self._groups[rule.id][key]
        return tuple(signals)

    @property
    def standing(self) -> tuple[str, ...]:
        """Return the keys of the alarms that stand."""
        return tuple(key for groups in self._groups.values() for key, group in groups.items() if group.gauge.is_crossed)

    @property
    def size(self) -> int:
        """Return how many groups and documents are remembered."""
        return sum(map(len, self._groups.values())) + len(self._recall)

    # Inside

    def _candidates_of(self, type_: str, collection: str | None) -> tuple[Rule, ...]:
        return tuple(
            rule for rule in self.rules if any(pattern.names(type_, collection) for pattern in rule.patterns())
        )

    def _rate(self, rule: Rule, rate: Rate, fact: Fact) -> list[Signal]:
        is_hit = rule.when.matches(fact)
        if not is_hit and not (rate.among is not None and rate.among.matches(fact)):
            return []
        key = rule.key(fact)
        group = self._group(rule, rate, key)
        if group is None:
            self.overflowed += 1
            return []
        at = next((found for name in rate.time if (found := moment(fact.look(name))) is not None), fact.at)
        group.gauge.window.add(is_hit=is_hit, at=at)
        group.fact, group.at = fact, at
        return _verdict(rule, rate, key, group, fact)

    def _group(self, rule: Rule, rate: Rate, key: str) -> _Group | None:
        """Return a group, the one heard of last at the end. One that stands crossed is never dropped for another."""
        groups = self._groups[rule.id]
        if key in groups:
            groups.move_to_end(key)
            return groups[key]
        if len(groups) >= self._groups_kept:
            idle = next((name for name, group in groups.items() if not group.gauge.is_crossed), None)
            if idle is None:
                return None
            del groups[idle]
        groups[key] = _Group(Gauge(rate))
        return groups[key]


def _over(candidates: Iterable[Rule], fact: Fact) -> list[Cleared]:
    found = [(rule, rule.cleared_key(fact)) for rule in candidates if rule.clears and rule.when.matches(fact)]
    return [
        Cleared(key=key, at=fact.at, why=rule.words(fact)[0], source=fact.source, audience=rule.audience_of(fact))
        for rule, key in found
        if key is not None
    ]


def _notices(candidates: Iterable[Rule], fact: Fact) -> list[Notification]:
    """Return one notice for each audience: of the worst rule, and of equal ones the last, the worst first."""
    matching = [rule for rule in candidates if rule.rate is None and rule.when.matches(fact)]
    worst: dict[str, Rule] = {}
    for rule in sorted(matching, key=lambda rule: RANKS[rule.severity]):
        worst[rule.audience_of(fact)] = rule
    chosen = sorted(worst.values(), key=lambda rule: -RANKS[rule.severity])
    return [rule.notice(fact) for rule in chosen]


def _verdict(rule: Rule, rate: Rate, key: str, group: _Group, fact: Fact) -> list[Signal]:
    verdict = group.gauge.judge()
    bucket = int(group.at // (rate.window_s / BUCKETS))
    if verdict == "crossed":
        group.told_bucket = bucket
        return [rule.notice(fact, **_numbers(rate, group.gauge))]
    if verdict == "over":
        return [_ended(rule, rate, key, group, fact, at=fact.at)]
    if verdict == "stands" and bucket != group.told_bucket:
        group.told_bucket = bucket
        title, message = rule.words(fact, **_numbers(rate, group.gauge))
        audience = rule.audience_of(fact)
        return [Retold(key=key, at=fact.at, title=title, message=message, source=fact.source, audience=audience)]
    return []


def _tick(rule: Rule, rate: Rate, key: str, group: _Group, *, now: float) -> list[Signal]:
    fact, gauge = group.fact, group.gauge
    elapsed_s = now - (group.at if fact is None else fact.received_at)
    gauge.is_watched |= elapsed_s >= rate.window_s
    gauge.window.advance(group.at + max(elapsed_s, 0.0))
    if gauge.window.total or gauge.judge() != "over":
        return []
    if fact is None:
        return [Cleared(key=key, at=now, why="nothing of the kind was seen since")]
    return [_ended(rule, rate, key, group, fact, at=fact.at + max(elapsed_s, 0.0))]


def _ended(rule: Rule, rate: Rate, key: str, group: _Group, fact: Fact, *, at: float) -> Cleared:
    numbers = _numbers(rate, group.gauge)
    now_at = f"{numbers['share']}, {numbers['hits']} of {numbers['sample']}" if rate.is_share else numbers["hits"]
    why = f"recovered: {now_at} in {numbers['window']}" if group.gauge.window.total else "recovered: no more of them"
    return Cleared(key=key, at=at, why=why, source=fact.source, audience=rule.audience_of(fact))


def _numbers(rate: Rate, gauge: Gauge) -> dict[str, Any]:
    """Say a rate as people write it, for templates: share, hits, sample, window."""
    minutes, seconds = divmod(rate.window_s, 60)
    return {
        "share": f"{gauge.value * 100:.0f} %" if rate.is_share else f"{gauge.value:.0f}",
        "hits": gauge.window.hits,
        "sample": gauge.window.total,
        "window": f"{minutes:.0f} min" if not seconds else f"{rate.window_s:g} s",
    }
