"""Remembers who was seen, what each did and looks at. Pure; the store's lock guards it.

Everything is bounded: the newest ten thousand people, fifty actions of each and fifty thousand in all, a hundred kinds
of action counted by name. What an event costs here doesn't depend on how many people there are.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

import msgspec

from realtime.protocol.events import UserActivity, UserEvent, UserLogin
from realtime.store.aggregates import OVERFLOW_KEY, Ring
from realtime.store.model import Here, Looking, PersonDid, PersonSeen

PEOPLE_KEPT: Final = 10_000
ACTIONS_EACH: Final = 50
ACTIONS_KEPT: Final = 50_000
NEWEST_KEPT: Final = 200
KINDS_KEPT: Final = 100
KINDS_EACH: Final = 20
STRIP_MINUTES: Final = 60
_LONGEST: Final = 120


class _Person:
    __slots__ = ("counts", "done", "seen", "strip")

    def __init__(self, seen: PersonSeen) -> None:
        self.seen = seen
        self.done: deque[PersonDid] = deque(maxlen=ACTIONS_EACH)
        self.counts: dict[str, int] = {}
        self.strip = Ring(STRIP_MINUTES)


class People:
    """People by id in three lots: at our own pages, else online, gone; the one seen last at the end of each.

    Beyond `kept` the longest unseen is dropped and counted: first of those gone, then of those online elsewhere. So no
    storm makes the people forgotten who look at it.
    """

    def __init__(self, *, kept: int = PEOPLE_KEPT) -> None:
        self.forgotten = 0
        self.counts: dict[str, int] = {}
        self._kept = kept
        self._people: dict[str, _Person] = {}
        self._lots: tuple[OrderedDict[str, None], ...] = (OrderedDict(), OrderedDict(), OrderedDict())
        self._newest: deque[PersonDid] = deque(maxlen=NEWEST_KEPT)
        self._doers: OrderedDict[str, None] = (
            OrderedDict()
        )  # those with actions kept, the one who did nothing longest first
        self._done = 0

    # Writing

    def take(self, event: UserEvent, *, at: float) -> None:
        """Take in a login, a logout or something a person did."""
        if isinstance(event, UserActivity):
            self._note(did_of(event, at=at), is_online=True)
        else:
            is_login = isinstance(event, UserLogin)
            self._note(PersonDid(event.user_id, at, "login" if is_login else "logout"), is_online=is_login)

    def changed(self, actor: str, *, action: str, collection: str, document: str, at: float) -> None:
        """Take in that a person changed a document. They needn't be online for it: a program may act in their name."""
        self._note(PersonDid(actor, at, action, Looking("", collection, document)), is_online=None)

    def set_here(self, changes: Mapping[str, Here | None], *, now: float) -> None:
        """Take in how people are at this app's own pages."""
        for user_id, here in changes.items():
            person = self._people.get(user_id)
            if person is None and here is not None:
                person = self._meet(PersonSeen(user_id, True, now, now, "", 0, came_at=now))
            if person is None:
                continue
            # Of whom no event ever told, no event will tell that they left.
            is_online = here is not None or (person.seen.is_online and person.seen.actions > 0)
            person.seen = msgspec.structs.replace(person.seen, here=here, is_online=is_online)
            self._place(person.seen)

    def _note(self, did: PersonDid, *, is_online: bool | None) -> None:
        person = self._people.get(did.user_id)
        if person is None:
            person = self._meet(PersonSeen(did.user_id, False, did.at, did.at, "", 0))
        is_late = did.at < person.seen.last_seen_at
        person.seen = _later(person.seen, did, is_online=is_online) if not is_late else _counted(person.seen, did)
        self._remember(person, did)
        self._place(person.seen)

    def _meet(self, seen: PersonSeen) -> _Person:
        person = self._people[seen.user_id] = _Person(seen)
        return person

    def _place(self, seen: PersonSeen) -> None:
        """Put a person at the end of their lot, and let the longest unseen go where there are too many."""
        for lot in self._lots:
            lot.pop(seen.user_id, None)
        self._lots[0 if seen.is_online and seen.here is not None else 1 if seen.is_online else 2][seen.user_id] = None
        while len(self._people) > self._kept:
            lot = next(lot for lot in reversed(self._lots) if len(lot) > (seen.user_id in lot))
            self._forget(next(iter(lot)), lot)

    def _forget(self, user_id: str, lot: OrderedDict[str, None]) -> None:
        del lot[user_id]
        self._done -= len(self._people.pop(user_id).done)
        self._doers.pop(user_id, None)
        self.forgotten += 1

    def _remember(self, person: _Person, did: PersonDid) -> None:
        self._newest.append(did)
        self._done += len(person.done) < ACTIONS_EACH
        person.done.append(did)
        self._doers[did.user_id] = None
        self._doers.move_to_end(did.user_id)
        minute = int(did.at // 60)
        person.strip.advance(max(minute, int(person.seen.last_seen_at // 60)))
        person.strip.add(minute, 1)
        _count(person.counts, did.action, kept=KINDS_EACH)
        _count(self.counts, did.action, kept=KINDS_KEPT)
        while self._done > ACTIONS_KEPT:
            self._trim()

    def _trim(self) -> None:
        """Forget the oldest action of whoever has been doing nothing longest."""
        user_id = next(iter(self._doers))
        done = self._people[user_id].done
        done.popleft()
        self._done -= 1
        if not done:
            del self._doers[user_id]

    # Reading

    @property
    def online(self) -> int:
        """Count who is online."""
        return len(self._lots[0]) + len(self._lots[1])

    def all(self) -> tuple[PersonSeen, ...]:
        """Return everyone: at our own pages, online elsewhere, gone; in each the one seen last first."""
        return tuple(self._ordered())

    def newest(self, limit: int) -> tuple[PersonSeen, ...]:
        """Return the first `limit` of `all`. O(limit)."""
        return tuple(islice(self._ordered(), max(limit, 0)))

    def get(self, user_id: str) -> PersonSeen | None:
        """Return one person, None when they were never seen or are forgotten."""
        person = self._people.get(user_id)
        return None if person is None else person.seen

    def done(self, user_id: str | None, *, limit: int) -> tuple[PersonDid, ...]:
        """Return what a person did (None: what anybody did), newest first. O(limit)."""
        person = None if user_id is None else self._people.get(user_id)
        done = self._newest if user_id is None else person.done if person is not None else ()
        return tuple(islice(reversed(done), max(limit, 0)))

    def counts_of(self, user_id: str) -> dict[str, int]:
        """Return how often a person did what."""
        person = self._people.get(user_id)
        return {} if person is None else dict(person.counts)

    def minutes(self, user_id: str, *, now: float) -> tuple[int, ...]:
        """Return how much a person did in each of the last sixty minutes, oldest first."""
        person = self._people.get(user_id)
        minute = int(now // 60)
        return (0,) * STRIP_MINUTES if person is None else person.strip.read(last=minute, buckets=STRIP_MINUTES)

    def _ordered(self) -> Iterator[PersonSeen]:
        return (self._people[user_id].seen for user_id in chain.from_iterable(map(reversed, self._lots)))


def _later(seen: PersonSeen, did: PersonDid, *, is_online: bool | None) -> PersonSeen:
    """Return a person after something newer than all that was known of them."""
    stays = seen.is_online if is_online is None else is_online
    is_view = did.action == "view" and did.looking is not None
    return PersonSeen(
        seen.user_id, stays, seen.first_seen_at, did.at, did.action, seen.actions + 1,
        is_idle=stays and (did.action == "idle" or (is_online is None and seen.is_idle)),
        looking=did.looking if is_view else seen.looking if stays else None,
        came_at=(seen.came_at if seen.is_online else did.at) if stays else None,
        here=seen.here,
    )  # fmt: skip


def _counted(seen: PersonSeen, did: PersonDid) -> PersonSeen:
    """Return a person after something told late: it counts, but says nothing about now."""
    return msgspec.structs.replace(
        seen, first_seen_at=min(did.at, seen.first_seen_at), actions=seen.actions + 1
    )  # fmt: skip


def did_of(event: UserActivity, *, at: float) -> PersonDid:
    """Return what an activity says, in short."""
    return PersonDid(event.user_id, at, event.action[:_LONGEST], _looking(event), _detail(event))


def _looking(event: UserActivity) -> Looking | None:
    """Return what an activity was about, where its metadata says so in our words."""
    metadata = event.metadata or {}
    told = [metadata.get(name) for name in ("page", "collection", "document")]
    page, collection, document = (text[:_LONGEST] if isinstance(text, str) else "" for text in told)
    return Looking(page, collection, document) if page or collection else None


def _detail(event: UserActivity) -> str:
    """Write what else an activity says, in short."""
    rest = {name: value for name, value in (event.metadata or {}).items() if name not in Looking.__struct_fields__}
    return ", ".join(f"{name} {_plain(value)}" for name, value in islice(rest.items(), 4))[:_LONGEST]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _count(counts: dict[str, int], action: str, *, kept: int) -> None:
    name = action if action in counts or len(counts) < kept else OVERFLOW_KEY
    counts[name] = counts.get(name, 0) + 1
