"""Watches events with the rules: facts in, signals out, and remembers what rates and changes need. Bounded.

No clock: rates run on the events' own time, and `tick` brings the present. Threads: one at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from realtime.notifications.facts import ATTRIBUTES, Fact, moment
from realtime.notifications.groups import Group, GroupState
from realtime.notifications.model import RANKS, Cleared, Notification, Retold, Signal
from realtime.notifications.rates import BUCKETS, Gauge
from realtime.notifications.recall import Recall
from realtime.notifications.rules import Condition, Rate, Rule
from realtime.notifications.seen import Seen

GROUPS_KEPT: Final = 1_000
_KINDS_KEPT: Final = 2_000
_CHANGES: Final = ("collection:created", "collection:updated", "collection:deleted")
_IS_CRITICAL: Final = Condition("critical", "==", True)
_WORDS: Final = frozenset({*ATTRIBUTES, "rule", "severity", "kind"})
"""What rules may ask about that isn't a document's."""


class _Kind(NamedTuple):
    """What events of a type in a collection mean to the rules: those that may match, and when it can matter.

    `always`, even if nobody hears: it may be critical, a rate counts it, or it has to be remembered. `heard`: if
    somebody does; `routine`: if somebody hears of everyday changes; `critical`: if it is marked so.
    """

    rules: tuple[Rule, ...]
    always: bool
    heard: bool
    routine: bool
    critical: bool


class Watch:
    """The rules at work. `overflowed` counts events of groups there was no room for."""

    def __init__(self, rules: Sequence[Rule], *, groups_kept: int = GROUPS_KEPT) -> None:
        self.overflowed = 0
        self.rules = tuple(rules)
        self._groups_kept = groups_kept
        self._recall = Recall(fields=frozenset().union(*(rule.fields() for rule in rules)))
        self._counted = Seen()
        self._groups: dict[str, OrderedDict[str, Group]] = {rule.id: OrderedDict() for rule in rules if rule.rate}
        self._touched: dict[tuple[str, str], None] = {}
        self._kinds = lru_cache(maxsize=_KINDS_KEPT)(self._kind_of)
        self.remembers = lru_cache(maxsize=_KINDS_KEPT)(self._remembers)

    def remember(self, collection: str, documents: Iterable[dict[str, Any]]) -> None:
        """Take in documents as they are before anything happens to them. A snapshot, for example."""
        for document in documents:
            self._recall.note(collection, document)

    def knows(self, collection: str, identifier: str) -> bool:
        """Tell whether a document is remembered."""
        return self._recall.knows(collection, identifier)

    def concerns(
        self, type_: str, collection: str | None, *, is_critical: bool, routine: bool, heard: bool = True
    ) -> bool:
        """Tell whether an event of a kind can matter at all. Cheap.

        `heard`: there is anybody to be told; `routine`: somebody wants everyday changes.
        """
        kind = self._kinds(type_, collection)
        return (
            kind.always
            or (heard and kind.heard)
            or (heard and routine and kind.routine)
            or (is_critical and kind.critical)
        )

    def adopt(self, alarms: Iterable[tuple[str, str]], *, now: float) -> None:
        """Take over alarms (rule id, key) that stand in an inbox, so that they aren't told again but can end."""
        rates = {rule.id: rule.rate for rule in self.rules if rule.rate}
        for rule_id, key in alarms:
            if rule_id in rates and key not in self._groups[rule_id]:
                group = Group(Gauge(rates[rule_id], is_crossed=True))
                group.at = now
                self._groups[rule_id][key] = group
                self._touched[rule_id, key] = None

    def restore(self, states: Iterable[GroupState], *, now: float) -> tuple[Signal, ...]:
        """Take over what `changes` told before a restart; returns what is over since its rule is gone.

        Of a rule whose window has changed nothing is taken over but that it stands.
        """
        rates = {rule.id: rule.rate for rule in self.rules if rule.rate}
        signals: list[Signal] = []
        for state in sorted(states, key=lambda state: state.at):  # heard of last, dropped last
            rate = rates.get(state.rule)
            if rate is not None and rate.window_s == state.window_s:
                self._groups[state.rule][state.key] = Group.restored(state, rate)
                continue
            self._touched[state.rule, state.key] = None
            if state.is_crossed and rate is not None:
                self.adopt([(state.rule, state.key)], now=now)
            elif state.is_crossed:
                signals.append(Cleared(key=state.key, at=now, why=f"the rule '{state.rule}' is gone"))
        return tuple(signals)

    def changes(self) -> tuple[tuple[GroupState, ...], tuple[tuple[str, str], ...]]:
        """Return the groups that changed since they were last asked for, to be kept, and rule and key of those gone."""
        touched, self._touched = self._touched, {}
        rules = {rule.id: rule for rule in self.rules}
        kept: list[GroupState] = []
        gone: list[tuple[str, str]] = []
        for rule_id, key in touched:
            group = self._groups[rule_id].get(key) if rule_id in self._groups else None
            if group is None:
                gone.append((rule_id, key))
            else:
                kept.append(group.state(rules[rule_id], key))
        return tuple(kept), tuple(gone)

    def take(self, fact: Fact, *, routine: bool = True) -> tuple[Signal, ...]:
        """Judge one event: what is over first, then the worst notice for each audience, then the rates.

        An event that comes again gives the same notice again (the inbox knows it), but is counted in no rate twice.
        Without `routine`, everyday changes aren't told.
        """
        is_remembered = fact.collection is not None and self.remembers(fact.collection)
        if is_remembered:
            fact = self._recall.complete(fact)
        candidates = self._kinds(fact.type, fact.collection).rules
        signals: list[Signal] = [*_over(candidates, fact), *_notices(candidates, fact, routine=routine)]
        rates = [(rule, rule.rate) for rule in candidates if rule.rate is not None]
        if rates and self._is_new(fact):
            for rule, rate in rates:
                signals += self._rate(rule, rate, fact)
        if is_remembered:
            self._recall.take(fact)
        return tuple(signals)

    def notices(self, fact: Fact, *, routine: bool = True) -> tuple[Signal, ...]:
        """Judge one event by itself, as `take` would but for rates, and remember nothing."""
        candidates = self._kinds(fact.type, fact.collection).rules
        return (*_over(candidates, fact), *_notices(candidates, fact, routine=routine))

    def complete(self, fact: Fact) -> Fact:
        """Add to a fact how its document was, as far as it is remembered."""
        is_remembered = fact.collection is not None and self.remembers(fact.collection)
        return self._recall.complete(fact) if is_remembered else fact

    def tick(self, now: float) -> tuple[Signal, ...]:
        """Let time go on, so that a rate whose events have ended is over, too.

        A group's own clock goes on from its newest event as fast as the present does.
        """
        signals: list[Signal] = []
        for rule in self.rules:
            if rule.rate is None:
                continue
            for key, group in list(self._groups[rule.id].items()):
                told = _tick(rule, rule.rate, key, group, now=now)
                is_done = not group.gauge.is_crossed and not group.gauge.window.total
                if is_done:
                    del self._groups[rule.id][key]
                if told or is_done:
                    self._touched[rule.id, key] = None
                signals += told
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

    def _is_new(self, fact: Fact) -> bool:
        """Tell whether an event wasn't counted yet, and count it as counted."""
        source = fact.source
        stream = f"{source.channel}@{source.epoch}"
        if not self._counted.fresh(stream, (source.offset,)):
            return False
        self._counted = self._counted.take(stream, (source.offset,))
        return True

    def _kind_of(self, type_: str, collection: str | None) -> _Kind:
        rules = tuple(
            rule for rule in self.rules if any(pattern.names(type_, collection) for pattern in rule.patterns())
        )
        # What only an event marked critical can match is no reason to look at all others.
        critical = {rule.id for rule in rules if rule.rate is None and rule.when.where[:1] == (_IS_CRITICAL,)}
        others = [rule for rule in rules if rule.id not in critical]
        is_remembered = collection is not None and self.remembers(collection)
        return _Kind(
            rules,
            always=is_remembered or any(rule.rate or rule.clears or rule.severity == "critical" for rule in others),
            heard=not all(rule.is_routine for rule in others),
            routine=bool(others),
            critical=bool(critical or others),
        )

    def _remembers(self, collection: str) -> bool:
        """Tell whether any rule asks what is in the documents of a collection."""
        return any(
            not rule.fields() <= _WORDS
            for rule in self.rules
            if any(pattern.names(type_, collection) for pattern in rule.patterns() for type_ in _CHANGES)
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
        self._touched[rule.id, key] = None
        return _verdict(rule, rate, key, group, fact)

    def _group(self, rule: Rule, rate: Rate, key: str) -> Group | None:
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
            self._touched[rule.id, idle] = None
        groups[key] = Group(Gauge(rate))
        return groups[key]


def _over(candidates: Iterable[Rule], fact: Fact) -> list[Cleared]:
    found = [(rule, rule.cleared_key(fact)) for rule in candidates if rule.clears and rule.when.matches(fact)]
    return [
        Cleared(key=key, at=fact.at, why=rule.words(fact)[0], source=fact.source, audience=rule.audience_of(fact))
        for rule, key in found
        if key is not None
    ]


def _notices(candidates: Iterable[Rule], fact: Fact, *, routine: bool) -> list[Notification]:
    """Return one notice for each audience: of the worst rule, and of equal ones the last, the worst first."""
    # A candidate without a rate is one since its pattern names what the fact is; its claims are left to be looked at.
    matching = [rule for rule in candidates if rule.rate is None and rule.when.holds(fact)]
    worst: dict[str, Rule] = {}
    for rule in sorted(matching, key=lambda rule: RANKS[rule.severity]):
        worst[rule.audience_of(fact)] = rule
    chosen = sorted(worst.values(), key=lambda rule: -RANKS[rule.severity])
    return [rule.notice(fact) for rule in chosen if routine or not rule.is_routine]


def _verdict(rule: Rule, rate: Rate, key: str, group: Group, fact: Fact) -> list[Signal]:
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


def _tick(rule: Rule, rate: Rate, key: str, group: Group, *, now: float) -> list[Signal]:
    fact, gauge = group.fact, group.gauge
    elapsed_s = now - (group.at if fact is None else fact.received_at)
    gauge.is_watched |= elapsed_s >= rate.window_s
    gauge.window.advance(group.at + max(elapsed_s, 0.0))
    if gauge.window.total or gauge.judge() != "over":
        return []
    if fact is None:
        return [Cleared(key=key, at=now, why="nothing of the kind was seen since")]
    return [_ended(rule, rate, key, group, fact, at=fact.at + max(elapsed_s, 0.0))]


def _ended(rule: Rule, rate: Rate, key: str, group: Group, fact: Fact, *, at: float) -> Cleared:
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
