"""Keeps the inboxes of whoever has a page open: follows them, does what people ask, minds the time. No views, no rules.

What is asked shows at once and goes out through the outbox, so that it keeps its order and survives restarts; when the
gateway won't have it, it is taken back and said.
Threads: any; one daemon thread minds the time and tells the gateway who is here. Under the lock only the store's and
the client's are taken, so that holding and letting go of one inbox don't cross; never the other way round.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from realtime.client.client import WebSocketClient
from realtime.client.inbox_sending import InboxSending, OnRefused, meeting, new_id
from realtime.client.local_notices import LocalNotices
from realtime.errors import NoticeError
from realtime.notifications.acts import Asker, ToastAct, read_act
from realtime.notifications.commands import Add, Clear, Command, Meet, Retell, Set
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import State
from realtime.notifications.notices import Notice, notification_of
from realtime.notifications.rules import Rule
from realtime.notifications.telling import commands_for
from realtime.protocol.channels import inbox_channel
from realtime.protocol.events import LOCAL_TYPES, JsonObject
from realtime.protocol.flags import NOTIFICATIONS
from realtime.store import Store
from realtime.store.inbox_copy import due_at

LINGER_S: Final = 120.0
"""How long an inbox is held after the last page that showed it, so that a reload finds it at once."""
MAX_PERSON_CHARS: Final = 200
_BREATH_S: Final = 0.02  # so that a flood of notices isn't a flood of looks at the clock
_LONGEST_WAIT_S: Final = 60.0  # a clock set back must not put everything off
_JOIN_S: Final = 5.0
_SENT_AT_ONCE: Final = 20
_SEND_ON_S: Final = 0.05
_LEAVES_ROOM: Final = 200  # entries of the outbox beyond which only people's own clicks are put there
UNSENT_KEPT: Final = 5_000
"""How much may wait of what the client raised itself; what comes beyond isn't told. Whoever is new always is."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Person:
    """Someone whose inbox is held: by how many, until when after the last, and who they are."""

    stop: Callable[[], None]
    holders: int = 0
    closes_at: float | None = None
    name: str = ""
    roles: frozenset[str] = frozenset()
    met: tuple[object, ...] = ()
    is_restored: bool = False


class Inboxes:
    """The inboxes at hand. `on_refused(person, id, reason)` is told what the gateway wouldn't have, on any thread."""

    def __init__(
        self,
        store: Store,
        client: WebSocketClient,
        *,
        rules: Sequence[Rule] = (),
        now: Callable[[], float] = time.time,
        on_refused: OnRefused | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        self._store = store
        self._copies = store.inboxes
        self._client = client
        self._now = now
        self._sending = InboxSending(store, client, now=now, on_refused=on_refused)
        self._linger_s = linger_s
        self._local = LocalNotices(store, rules)
        self._lock = threading.Lock()
        self._people: dict[str, _Person] = {}
        self._due: dict[str, float] = {}
        self._unsent: deque[tuple[str, Command]] = deque()
        self._releases: list[Callable[[], None]] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_hushed = False

    # Life

    def start(self) -> None:
        """Begin to mind the time, and to hear of the connection."""
        self._releases = [self._client.subscribe(type_, lambda _: self._copies.ring()) for type_ in sorted(LOCAL_TYPES)]
        self._thread = threading.Thread(target=self._run, name="tideboard-inboxes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what was asked for is in the outbox."""
        self._stopping.set()
        self._copies.ring()
        for release in self._releases:
            release()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def hush(self) -> None:
        """Tell nobody any more of what happens to the connection: this process is stopping, and ends it itself."""
        self._is_hushed = True

    def open(self, person: str, name: str = "", roles: frozenset[str] = frozenset()) -> Callable[[], None]:
        """Hold a person's inbox, as long as one who asked for it wants it; return how to let go. Blocks nothing.

        The gateway hears that the person exists, so that notices reach them from then on. Raises NoticeError for what
        can't be a person's id.
        """
        if not 0 < len(person) <= MAX_PERSON_CHARS:
            raise NoticeError(f"A person's id has 1 to {MAX_PERSON_CHARS} characters.")
        with self._lock:
            known = self._people.get(person)
            if known is None:
                self._copies.open(person, now=self._now())
                known = self._people[person] = _Person(self._client.follow(inbox_channel(person)))
            known.holders += 1
            known.closes_at = None
            known.name, known.roles = name or known.name, roles or known.roles
        self._copies.ring()
        return _once(partial(self._let_go, person))

    def led(self, person: str, *, is_led: bool) -> None:
        """Learn whether there is a tab now that shows this person's toasts; their time stands still without."""
        self._copies.led(person, is_led=is_led, now=self._now())

    # What people ask

    def act(self, person: str, value: JsonObject) -> str:
        """Do what a person asks of their inbox; return the id it goes by. It shows at once.

        Raises NoticeError, one sentence for them, when it makes no sense or can't be kept.
        """
        now, copy = self._now(), self._copies.get(person)
        asked = read_act(
            value,
            asker=Asker(person, self._name_of(person)),
            preferences=copy.inbox.preferences if copy.is_synced else None,
            now=now,
            new_id=new_id,
        )
        if isinstance(asked, ToastAct):
            self._do_to_toasts(person, asked, now=now)
        else:
            self._sending.give(person, asked)
        return asked.id

    def show(self, person: str, notice: Notice | JsonObject) -> str:
        """Put a notice of a page's own into a person's inbox, and before them; return its id. Raises NoticeError."""
        identifier, now = new_id(), self._now()
        notification = notification_of(notice, id=identifier, person=person, now=now)
        self._sending.give(person, Add(id=f"add {identifier}", at=now, notification=notification))
        return identifier

    def hide(self, person: str, identifier: str) -> bool:
        """Put away the row whose newest notice has this id; tell whether there is one. Raises NoticeError."""
        rows = self._copies.get(person).inbox.rows.values()
        row = next((row for row in rows if row.newest.id == identifier), None)
        if row is None:
            return False
        self._copies.dismiss(person, row.key, now=self._now())
        self._sending.give(
            person, Set(id=new_id(), at=self._now(), keys=(row.key,), mark="done", revision=row.revision)
        )
        return True

    def clear_all(self, person: str) -> None:
        """Put all rows away; what is critical and stands is only put aside. Raises NoticeError."""
        inbox = self._copies.get(person).inbox
        keys = tuple(row.key for row in inbox.rows.values() if row.marks.state is not State.DONE)
        self._copies.centre_opened(person)
        if keys:
            self._sending.give(
                person, Set(id=new_id(), at=self._now(), keys=keys, mark="done", revision=inbox.revision)
            )

    def _do_to_toasts(self, person: str, act: ToastAct, *, now: float) -> None:
        if act.do == "toast-dismiss":
            self._copies.dismiss(person, act.key, now=now)
        elif act.do == "centre-opened":
            self._copies.centre_opened(person)
        else:
            self._copies.touched(person, is_touched=act.do == "toasts-hold", now=now)

    def _name_of(self, person: str) -> str:
        with self._lock:
            known = self._people.get(person)
            return "" if known is None else known.name

    # The thread

    def _run(self) -> None:
        """Turn until stopped. The one broad `except` is here: a mistake costs one turn, not the clock."""
        timeout_s: float | None = 0.0
        while not self._stopping.is_set():
            changed = self._copies.wait_for_news(timeout_s=timeout_s)
            try:
                timeout_s = self._turn(changed)
            except Exception:
                _log.exception("The inboxes stumbled and go on")
                timeout_s = 1.0
            self._stopping.wait(_BREATH_S)

    def _turn(self, changed: frozenset[str]) -> float | None:
        now = self._now()
        self._welcome(now)
        self._tell_local(now)
        self._send_on()
        self._pass_time(changed, now)
        self._close_due(now)
        with self._lock:
            closing = [one.closes_at for one in self._people.values() if one.closes_at is not None]
        moments = [*self._due.values(), *closing, *([] if self._local.due_at is None else [self._local.due_at])]
        if self._unsent:
            return _SEND_ON_S
        return None if not moments else min(max(min(moments) - now, 0.0), _LONGEST_WAIT_S)

    def _welcome(self, now: float) -> None:
        """Show what waits in the outbox from before, and tell the gateway of who is new today."""
        day = int(now // 86_400)
        with self._lock:
            new = [one for one in self._people.items() if not one[1].is_restored]
            unmet = [
                (person, one.name, one.roles)
                for person, one in self._people.items()
                if one.met != (day, one.name, one.roles)
            ]
            for person, _, _ in unmet:
                self._people[person].met = (day, self._people[person].name, self._people[person].roles)
        for person, one in new:
            one.is_restored = True
            self._sending.restore(person)
        for person, name, roles in unmet:
            self._unsent.append((person, meeting(person, name, roles, now=now)))

    def _tell_local(self, now: float) -> None:
        """Tell everybody here of what happened to the connection."""
        if self._is_hushed:
            return
        signals = self._local.judge(now)
        with self._lock:
            people = [(person, one.roles) for person, one in self._people.items()] if signals else []
        flags = self._store.flags
        for person, roles in people:
            inbox = self._copies.get(person).inbox
            commands, _ = commands_for(signals, person=person, preferences=inbox.preferences, now=now, roles=roles)
            for command in commands:
                if isinstance(command, Add) and not flags.is_on(NOTIFICATIONS, person):
                    continue
                if _concerns(command, self._copies.get(person).inbox) and len(self._unsent) < UNSENT_KEPT:
                    self._copies.predict(person, (command,), now=now)
                    self._unsent.append((person, command))

    def _send_on(self) -> None:
        """Send what nobody asked for, a few at a time: it shows already, and people's own clicks need the room more."""
        outbox = self._client.outbox
        for _ in range(_SENT_AT_ONCE):
            if not self._unsent or (outbox is not None and outbox.waiting >= _LEAVES_ROOM):
                return
            person, command = self._unsent.popleft()
            self._sending.try_to_give(person, command, is_shown=not isinstance(command, Meet))

    def _pass_time(self, changed: frozenset[str], now: float) -> None:
        for person in changed:
            self._plan(person, now)
        for person in [person for person, at in self._due.items() if at <= now]:
            self._copies.tick(person, now=now)
            self._plan(person, now)

    def _plan(self, person: str, now: float) -> None:
        at = due_at(self._copies.get(person), now=now)
        if at is None:
            self._due.pop(person, None)
        else:
            self._due[person] = at

    # Letting go

    def _let_go(self, person: str) -> None:
        with self._lock:
            known = self._people[person]
            known.holders -= 1
            if known.holders == 0:
                known.closes_at = self._now() + self._linger_s
        self._copies.ring()

    def _close_due(self, now: float) -> None:
        with self._lock:
            over = [
                person for person, one in self._people.items() if one.closes_at is not None and one.closes_at <= now
            ]
            for person in over:
                self._people.pop(person).stop()
                self._copies.forget(person)
        for person in over:
            self._due.pop(person, None)


def _concerns(command: Command, inbox: Inbox) -> bool:
    """Tell whether there is anything to end or to retell. A connection comes up oftener than one was missed."""
    if not isinstance(command, Clear | Retell):
        return True
    row = inbox.rows.get(command.key)
    return row is not None and row.cleared_at is None


def _once(act: Callable[[], None]) -> Callable[[], None]:
    done = threading.Event()

    def once() -> None:
        if not done.is_set():
            done.set()
            act()

    return once
