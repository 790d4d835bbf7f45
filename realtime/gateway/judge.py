"""Judges committed events for notices: which commands they put into whose inbox, and what has to be remembered. Pure.

The notifier brings the events and the time, and stores what comes out, all of it in one transaction or none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from realtime.gateway.records import Stored
from realtime.gateway.rights import Profile, Rights, Sight
from realtime.notifications.commands import Acknowledge, Command, Meet, Prefer, read_command
from realtime.notifications.facts import Fact, fact_of
from realtime.notifications.groups import GroupState
from realtime.notifications.model import Cleared, Notification, Retold, Signal, Source, reaches
from realtime.notifications.preferences import Preferences, read_preferences
from realtime.notifications.rules import Rule
from realtime.notifications.telling import commands_for
from realtime.notifications.watch import Watch
from realtime.protocol.channels import collection_of
from realtime.protocol.events import InboxCommand

PERSONS_KEPT: Final = 2_000
STANDING_KEPT: Final = 500
STANDING_S: Final = 86_400.0
"""How long a critical notice that nobody acknowledged waits for people who are met later."""
_HEARD: Final = frozenset({"meet", "prefer", "acknowledge"})
_T = TypeVar("_T")


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody whom notices reach."""

    user: str
    met_at: float
    roles: tuple[str, ...] = ()
    preferences: Preferences = Preferences()


class Count(msgspec.Struct, frozen=True):
    """How many events those with one sight of a channel were told of."""

    told: int = 0


class Verdict(NamedTuple):
    """What is to be stored together: the same commands for several users, and what to remember under which name."""

    told: tuple[tuple[tuple[str, ...], tuple[Command, ...]], ...]
    offsets: Mapping[str, int]
    notes: Mapping[str, bytes]
    gone: tuple[str, ...]


class _Entry(NamedTuple):
    """The signals of one event: for those who see all of its channel, and for each narrower sight by its key."""

    channel: str | None
    signals: tuple[Signal, ...]
    narrowed: Mapping[str, tuple[Signal, ...]] = {}


class Judge:
    """The rules, the people, and what stands. `notes` is what verdicts before a restart said to remember."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        rights: Rights,
        notes: Mapping[str, bytes],
        offsets: Mapping[str, int],
        now: float,
    ) -> None:
        self.offsets = dict(offsets)
        self.watch = Watch(rules)
        self._rights = rights
        persons = sorted(_read(notes, "person ", Person), key=lambda each: each.met_at)
        self._persons = OrderedDict((each.user, each) for each in persons)
        standing = sorted(_read(notes, "standing ", Notification), key=lambda each: each.at)
        self._standing = OrderedDict((_standing_name(each.audience, each.key), each) for each in standing)
        self._counts = {
            name: msgspec.json.decode(raw, type=Count) for name, raw in notes.items() if name.startswith("count ")
        }
        self._entries: list[_Entry] = []
        self._told: list[tuple[tuple[str, ...], tuple[Command, ...]]] = []
        self._moved: dict[str, int] = {}
        self._notes: dict[str, msgspec.Struct | None] = {}
        self._tell(None, self.watch.restore(_read(notes, "gauge ", GroupState), now=now), now=now)
        self._people_changed()

    @property
    def people(self) -> int:
        """Return how many people are known."""
        return len(self._persons)

    def take(self, stored: Stored, *, now: float) -> None:
        """Judge one event, the next of its channel."""
        channel, offset = stored.channel, stored.position.offset
        self.offsets[channel] = self._moved[channel] = offset
        accepted = stored.accepted
        if isinstance(accepted.event, InboxCommand):
            self._hear(accepted.event, now=now)
            return
        collection = collection_of(channel)
        if not self.watch.concerns(
            accepted.envelope.type, collection, is_critical=accepted.is_critical,
            routine=self._has_routine, heard=bool(self._persons),
        ):  # fmt: skip
            return
        source = Source(channel, stored.position.epoch, offset)
        fact = fact_of(accepted.envelope, accepted.event, source=source, now=stored.time_ms / 1000)
        narrowed = self._narrowed(channel, fact)
        self._tell(channel, self.watch.take(fact, routine=self._has_routine), narrowed, now=now)

    def lost(self, channel: str, *, epoch: str, upto: int, now: float) -> None:
        """Say that events of a channel were trimmed before they could be judged, up to an offset."""
        count = upto - self.offsets.get(channel, 0)
        self.offsets[channel] = self._moved[channel] = upto
        source = Source(channel, epoch, upto)
        notice = Notification(
            id=f"{channel}@{epoch}:{upto}~unjudged", key=f"unjudged {channel}", severity="warning", kind="warning",
            title=f"{count:,} events of {channel} were never judged for notices",
            message="They were forgotten before the gateway got to them. Keep more events (retention_events).",
            why="because the gateway says so", rule="unjudged", at=now, source=source,
            collection=collection_of(channel),
        )  # fmt: skip
        self._tell(channel, (notice,), now=now)

    def tick(self, now: float) -> None:
        """Let time go on: rates whose events have ended are over, and what stood for long is let go."""
        for signal in self.watch.tick(now):
            self._tell(None if signal.source is None else signal.source.channel, (signal,), now=now)
        for name, notice in list(self._standing.items()):
            if not notice.is_alarm and now - notice.at > STANDING_S:
                self._stand(name, None)

    def verdict(self, now: float, *, is_due: bool) -> Verdict | None:
        """Return what came of all that was taken in since the last verdict, all of which belongs together.

        None, and it waits for the next, unless somebody has to be told, a person or what stands remembered, or it
        `is_due`.
        """
        self._flush(now)
        if not self._told and not self._notes and not (is_due and self._moved):
            return None
        kept, gone = self.watch.changes()
        notes = {f"gauge {state.rule} {state.key}": state for state in kept}
        forgotten = [f"gauge {rule} {key}" for rule, key in gone]
        forgotten += [name for name, value in self._notes.items() if value is None]
        changed = {name: value for name, value in self._notes.items() if value is not None}
        encoded = {name: msgspec.json.encode(value) for name, value in {**notes, **changed}.items()}
        verdict = Verdict(tuple(self._told), self._moved, encoded, tuple(forgotten))
        self._told, self._moved, self._notes = [], {}, {}
        return verdict

    # People

    def _hear(self, event: InboxCommand, *, now: float) -> None:
        """Take in what people say of themselves, and that somebody took something on."""
        if event.command.get("do") not in _HEARD:
            return
        command = read_command(event.command)
        if isinstance(command, Acknowledge):
            keys = set(command.keys)
            for name, notice in list(self._standing.items()):
                if notice.key in keys and not notice.is_alarm:
                    self._stand(name, None)
            return
        self._flush(now)  # what was told before was told to those who were known before
        known = self._persons.get(event.user)
        person = known or Person(event.user, command.at)
        if isinstance(command, Prefer):
            person = msgspec.structs.replace(person, preferences=read_preferences(command.preferences))
        if isinstance(command, Meet):
            person = msgspec.structs.replace(person, met_at=max(command.at, person.met_at), roles=command.roles)
        if person != known:
            self._persons[event.user] = person
            self._persons.move_to_end(event.user)
            self._notes[f"person {event.user}"] = person
            self._forget_someone()
            self._people_changed()
        if known is None:
            self._catch_up(person, now=now)

    def _catch_up(self, person: Person, *, now: float) -> None:
        """Tell somebody met for the first time what stands."""
        profile = self._rights.profile(person.roles)
        signals = [each for each in self._standing.values() if _sees_all(profile, each)]
        self._add_told([person], signals, now=now)

    def _forget_someone(self) -> None:
        while len(self._persons) > PERSONS_KEPT:
            user, _ = self._persons.popitem(last=False)
            self._notes[f"person {user}"] = None

    def _people_changed(self) -> None:
        self._has_routine = any(each.preferences.routine for each in self._persons.values())
        self._profiles = {self._rights.profile(each.roles) for each in self._persons.values()}

    # Signals

    def _narrowed(self, channel: str, fact: Fact) -> Mapping[str, tuple[Signal, ...]]:
        """Judge an event once more as each narrower sight among the people shows it."""
        sights = {sight.key: sight for each in self._profiles if (sight := each.sight(channel)) and not sight.is_plain}
        if not sights:
            return {}
        fact = self.watch.complete(fact)
        narrowed: dict[str, tuple[Signal, ...]] = {}
        for key, sight in sights.items():
            seen = _seen_by(sight, fact)
            if seen is not None:
                found = self.watch.notices(self._placed(sight, seen), routine=self._has_routine)
                if found:
                    narrowed[key] = found
                    self._count(sight, channel)
        return narrowed

    def _placed(self, sight: Sight, fact: Fact) -> Fact:
        """Return a fact at a position of its own where the event's would tell how much isn't seen before it."""
        if sight.is_whole:
            return fact
        source = fact.source
        told = self._counts.get(_count_name(sight, source.channel), Count()).told
        return msgspec.structs.replace(fact, source=Source(source.channel, f"{source.epoch}.{sight.key}", told + 1))

    def _count(self, sight: Sight, channel: str) -> None:
        if not sight.is_whole:
            name = _count_name(sight, channel)
            self._notes[name] = self._counts[name] = Count(self._counts.get(name, Count()).told + 1)

    def _tell(
        self,
        channel: str | None,
        signals: Iterable[Signal],
        narrowed: Mapping[str, tuple[Signal, ...]] | None = None,
        *,
        now: float,
    ) -> None:
        entry = _Entry(channel, tuple(signals), narrowed or {})
        if not entry.signals and not any(entry.narrowed.values()):
            return
        self._entries.append(entry)
        for signal in entry.signals:
            self._note_standing(signal, now=now)

    def _note_standing(self, signal: Signal, *, now: float) -> None:
        if isinstance(signal, Notification) and not signal.is_alarm and not signal.is_critical:
            return
        name = _standing_name(signal.audience, signal.key)
        if isinstance(signal, Notification):
            if signal.is_alarm or (signal.is_critical and now - signal.at <= STANDING_S):
                self._stand(name, signal)
        elif isinstance(signal, Cleared):
            for each in [name for name, notice in self._standing.items() if notice.key == signal.key]:
                self._stand(each, None)
        elif isinstance(signal, Retold) and name in self._standing:
            told = msgspec.structs.replace(self._standing[name], title=signal.title, message=signal.message)
            self._stand(name, told)

    def _stand(self, name: str, notice: Notification | None) -> None:
        self._notes[name] = notice
        self._standing.pop(name, None)
        if notice is not None:
            self._standing[name] = notice
            if len(self._standing) > STANDING_KEPT:
                oldest, _ = self._standing.popitem(last=False)
                self._notes[oldest] = None

    def _flush(self, now: float) -> None:
        """Make commands of the signals so far, for the people known so far, the same ones for all who hear the same."""
        entries, self._entries = self._entries, []
        if not entries:
            return
        heard: dict[tuple[Profile, frozenset[str], Preferences], list[Person]] = {}
        audiences = {signal.audience for entry in entries for signal in _signals_of(entry)}
        for person in self._persons.values():
            roles = frozenset(person.roles)
            reach = frozenset(each for each in audiences if reaches(each, person=person.user, roles=roles))
            if reach:
                heard.setdefault((self._rights.profile(roles), reach, person.preferences), []).append(person)
        for (profile, _, _), persons in heard.items():
            self._add_told(persons, [signal for entry in entries for signal in _heard_by(profile, entry)], now=now)

    def _add_told(self, persons: Sequence[Person], signals: Sequence[Signal], *, now: float) -> None:
        """Tell people who hear the same; of two of them with the same preferences, the first speaks for both."""
        first = persons[0]
        commands, _ = commands_for(
            signals, person=first.user, roles=frozenset(first.roles), preferences=first.preferences, now=now
        )
        if commands:
            self._told.append((tuple(each.user for each in persons), commands))


def _heard_by(profile: Profile, entry: _Entry) -> tuple[Signal, ...]:
    if entry.channel is None:
        return entry.signals
    sight = profile.sight(entry.channel)
    if sight is None:
        return ()
    return entry.signals if sight.is_plain else entry.narrowed.get(sight.key, ())


def _signals_of(entry: _Entry) -> Iterable[Signal]:
    return (*entry.signals, *(signal for signals in entry.narrowed.values() for signal in signals))


def _sees_all(profile: Profile, notice: Notification) -> bool:
    sight = None if notice.source is None else profile.sight(notice.source.channel)
    return sight is not None and sight.is_plain


def _seen_by(sight: Sight, fact: Fact) -> Fact | None:
    """Return a fact as a sight shows it, None when it doesn't. Of a document that isn't known only its id is told."""
    document = None if fact.document is None else sight.shown(fact.document)
    before = None if fact.before is None else sight.shown(fact.before)
    if document is None and before is None and not sight.is_whole:
        return None
    return msgspec.structs.replace(fact, document=document, before=before)


def _count_name(sight: Sight, channel: str) -> str:
    return f"count {sight.key} {channel}"


def _standing_name(audience: str, key: str) -> str:
    return f"standing {audience} {key}"


def _read(notes: Mapping[str, bytes], prefix: str, kind: type[_T]) -> list[_T]:
    return [msgspec.json.decode(raw, type=kind) for name, raw in notes.items() if name.startswith(prefix)]
