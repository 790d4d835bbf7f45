"""Knows whose the tabs are: carries their acts to the desk, one after the other, and tells the one that shows toasts.

Judges no act itself. Threads: the event loop's, but for `refuse`, which any may call; acts are done on worker threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from realtime.errors import TideboardError
from realtime.hub.ports import Member
from realtime.live.election import Election
from realtime.live.tab import Tab, tab_of
from realtime.protocol.codes import DisconnectCode, hang_up
from realtime.protocol.events import JsonObject

MOST_WAITING: Final = 64
_NOBODYS: Final = "This tab belongs to nobody yet, so nothing was done; reload the page."
_TOO_MANY: Final = "That was too much at once, so this wasn't done; wait a moment and do it again."
_NO_DESK: Final = "The dashboard is starting or stopping, so nothing was done; try again in a moment."
_FAILED: Final = "This failed in the dashboard itself, so it wasn't done; its log says why."
_log = logging.getLogger(__name__)


class Desk(Protocol):
    """Who does what people ask of their inboxes. None of this may block, but for `act`."""

    def open(self, person: str) -> Callable[[], None]:
        """Begin to keep a person's inbox at hand; return how to stop."""

    def act(self, person: str, value: JsonObject) -> str:
        """Do what a person asks; return the id it goes by. Raises TideboardError with one sentence for them."""

    def led(self, person: str, *, is_led: bool) -> None:
        """Learn whether there is a tab now that shows this person's toasts."""


class Owners:
    """The people whose tabs are open here."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._election: Election[Member] = Election()
        self._tabs: dict[str, set[Member]] = {}
        self._releases: dict[str, Callable[[], None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def set_desk(self, desk: Desk | None) -> None:
        """Say who does what people ask; None: nobody any more."""
        for release in self._releases.values():
            release()
        self._releases.clear()
        self._desk = desk
        if desk is not None:
            for person in self._tabs:
                self._open(person)
                desk.led(person, is_led=self._election.leader(person) is not None)

    # What tabs are and do

    def belongs(self, member: Member, person: str) -> None:
        """Take in whose a tab is, as its newest ticket says."""
        tab = tab_of(member)
        self._loop = asyncio.get_running_loop()
        if not person or tab.person == person:
            return
        self.left(member)
        tab.person = person
        tabs = self._tabs.setdefault(person, set())
        tabs.add(member)
        if len(tabs) == 1:
            self._open(person)
        self.seen(member)

    def seen(self, member: Member) -> None:
        """Take in that somebody did something in a tab, or that it came to be seen."""
        tab = tab_of(member)
        if tab.person is not None and tab.is_visible:
            self._tell(tab.person, self._election.seen(tab.person, member))

    def hidden(self, member: Member) -> None:
        """Take in that a tab can't be seen any more."""
        person = tab_of(member).person
        if person is not None:
            self._tell(person, self._election.gone(person, member))

    def left(self, member: Member) -> None:
        """Take in that a tab is closed, or somebody else's now."""
        tab = tab_of(member)
        person, tab.person = tab.person, None
        if person is None:
            return
        self._tell(person, self._election.gone(person, member))
        tabs = self._tabs[person]
        tabs.discard(member)
        if not tabs:
            del self._tabs[person]
            release = self._releases.pop(person, None)
            if release is not None:
                release()

    def _open(self, person: str) -> None:
        try:
            if self._desk is not None:
                self._releases[person] = self._desk.open(person)
        except TideboardError as error:
            _log.warning("The inbox of %s can't be held: %s", person[:80], error)

    def _tell(self, person: str, changes: Iterable[tuple[Member, bool]]) -> None:
        changed = list(changes)
        for member, is_leader in changed:
            _say(member, {"lead": is_leader})
        if changed and self._desk is not None:
            self._desk.led(person, is_led=self._election.leader(person) is not None)

    # Acts

    def act(self, member: Member, value: JsonObject) -> None:
        """Have the desk do what somebody asks in a tab: in order, at a bounded pace, so many waiting and no more."""
        tab = tab_of(member)
        if tab.person is None:
            _refuse(member, value, _NOBODYS)
        elif len(tab.acts) >= MOST_WAITING:
            _refuse(member, value, _TOO_MANY)
        else:
            tab.acts.append((tab.person, value))
            if tab.acting is None:
                tab.acting = asyncio.get_running_loop().create_task(self._work(member, tab))

    def refuse(self, person: str, act_id: str, reason: str) -> None:
        """Tell a person's tabs that what they did was refused later on. Threads: any."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._refuse_all, person, act_id, reason)

    def put_out(self, person: str) -> None:
        """End the channels of a person's tabs for good. Threads: any."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._put_out, person)

    def _put_out(self, person: str) -> None:
        for member in list(self._tabs.get(person, ())):
            member.disconnect(hang_up(DisconnectCode.PERMISSION_DENIED))

    def _refuse_all(self, person: str, act_id: str, reason: str) -> None:
        for member in self._tabs.get(person, ()):
            _refuse(member, {"id": act_id}, reason)

    async def _work(self, member: Member, tab: Tab) -> None:
        """Do what waits. It is done even if the tab is closed meanwhile: somebody meant it."""
        loop = asyncio.get_running_loop()
        try:
            while tab.acts:
                await asyncio.sleep(max(tab.pace.turn(loop.time()) - loop.time(), 0.0))
                person, value = tab.acts.popleft()
                desk = self._desk
                reason = _NO_DESK if desk is None else await asyncio.to_thread(_done, desk, person, value)
                if reason is not None:
                    _refuse(member, value, reason)
        finally:
            tab.acting = None


def _done(desk: Desk, person: str, value: JsonObject) -> str | None:
    """Do one act; return why it was refused, if it was."""
    try:
        desk.act(person, value)
    except TideboardError as error:
        return str(error)
    except Exception:  # one act's mistake must not end the others
        _log.exception("An act can't be done")
        return _FAILED
    return None


def _refuse(member: Member, value: JsonObject, reason: str) -> None:
    act_id = value.get("id")
    _say(member, {"refused": {"id": act_id if isinstance(act_id, str) else "", "reason": reason}})


def _say(member: Member, message: dict[str, Any]) -> None:
    if not member.is_closed:
        member.message(msgspec.json.encode(message))
