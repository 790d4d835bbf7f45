"""Tells the hub what a live channel holds: views, let in by ticket. Renders nothing and signs nothing itself.

Threads: the event loop's only; rendering a stale view for a newcomer goes to a worker thread.
"""

# ruff: noqa: ARG002 - the signatures are the Backend protocol's

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from realtime.errors import CommandError, NotHere, TicketError
from realtime.hub.ports import Granted, Joined, Member, OutPublication, Peer
from realtime.live.caster import Caster
from realtime.live.casters import Casters
from realtime.live.owners import Owners
from realtime.live.register import Register
from realtime.live.tab import Said, Tab, tab_of
from realtime.live.tickets import Ticket, Tickets
from realtime.protocol.codes import ErrorCode, refuse
from realtime.protocol.flags import REALTIME, UNTOUCHED, Flags
from realtime.protocol.frames import ConnectRequest, HistoryRequest, HistoryResult, PublishRequest, SubscribeRequest
from realtime.views.registry import lookup

if TYPE_CHECKING:
    from realtime.hub import Hub

_REPEAT_AFTER_S: Final = 0.1
_VIEWS_PER_TAB: Final = 200
_log = logging.getLogger(__name__)


class LiveBackend:
    """The `live` hub's backend: a view is a channel, a ticket is a subscription token, joining gives the newest value.

    A hidden tab keeps its subscriptions and is sent nothing but the views that ask for it; on its return it gets each
    view's newest value, once. `owners` knows whose the tabs are.
    """

    def __init__(
        self,
        caster: Caster | Casters,
        *,
        tickets: Tickets,
        clock: Callable[[], float],
        register: Register | None = None,
    ) -> None:
        self._register = register
        self._caster = caster
        self._tickets = tickets
        self._clock = clock
        self.owners = Owners()
        self._hub: Hub | None = None
        self._hidden: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._flags = UNTOUCHED

    def attach(self, hub: Hub) -> None:
        """Learn which hub this is the backend of."""
        self._hub = hub

    def switched(self, flags: Flags) -> None:
        """Take in where the flags stand: tabs of people whose real-time is off keep their channel, and get nothing."""
        self._flags = flags
        for member in [] if self._hub is None else self._hub.members:
            person = tab_of(member).person
            if person is not None:
                self._judge(member, person)

    def cast(self, channel: str, data: bytes) -> None:
        """Send a publication to every visible tab that shows the channel; those of one turn go together."""
        if self._hub is None:
            return
        publication = OutPublication(data, key=channel, can_coalesce=True)
        if not self._hidden.get(channel):
            self._hub.broadcast(channel, publication, may_wait=True)
            return
        for member in list(self._hub.subscribers(channel)):
            if _is_sent(tab_of(member), channel):
                member.push(channel, publication)

    async def connect(self, member: Member, request: ConnectRequest, peer: Peer) -> Granted:
        """Let anyone in: what a tab may see is decided by its tickets."""
        member.slot = Tab()
        return Granted(data=b'{"epoch":"%s"}' % self._caster.epoch.encode())

    async def subscribe(self, member: Member, request: SubscribeRequest) -> Joined:
        """Let a tab into a view if its ticket says so, with the view's newest value."""
        tab = tab_of(member)
        try:
            ticket = self._tickets.verify(request.token, now=self._clock())
            view = lookup(ticket.view)
            if ticket.channel != request.channel:
                raise refuse(ErrorCode.PERMISSION_DENIED, message="This ticket is for another view.")
            if len(tab.shown) >= _VIEWS_PER_TAB:
                raise refuse(ErrorCode.LIMIT_EXCEEDED)
            self._caster.hold(ticket.profile)
        except NotHere as error:
            # After a restart, or at another process, a tab's channel is often back before its page.
            raise CommandError(int(ErrorCode.NOT_AVAILABLE), str(error), is_temporary=True) from error
        except TicketError as error:
            raise refuse(ErrorCode.PERMISSION_DENIED, message=str(error)) from error
        self._judge(member, ticket.person)
        # Counted before it is rendered: a change that comes in between is then sent after the reply.
        tab.shown[ticket.channel] = ticket
        self._show(tab, ticket)
        self.owners.belongs(member, ticket.person)
        if self._register is not None:
            self._register.belongs(member, ticket.person)
        try:
            full = await asyncio.to_thread(self._newest, ticket)
        except Exception as error:
            self.unsubscribed(member, ticket.channel)
            _log.exception("The view %s can't be shown", view.name)
            raise CommandError(int(ErrorCode.INTERNAL), f"The view {view.name} failed.", is_temporary=True) from error
        if self._hidden.get(ticket.channel):
            # While others are hidden, publications go to members one by one, and this one isn't among them until it
            # has the reply: what it may have missed meanwhile is sent again.
            asyncio.get_running_loop().call_later(_REPEAT_AFTER_S, self._repeat, member, ticket.channel)
        return Joined(data=b'{"epoch":"%s",%s' % (self._caster.epoch.encode(), full[1:]), recoverable=False)

    def message(self, member: Member, data: bytes) -> None:
        """Take what a tab says of itself. What can't be read is ignored: nobody waits for an answer."""
        try:
            said = msgspec.json.decode(data, type=Said)
        except msgspec.DecodeError:
            return
        tab = tab_of(member)
        if said.tab is not None and self._register is not None:
            self._register.named(member, said.tab)
        if said.idle is not None and said.idle != tab.is_idle:
            tab.is_idle = said.idle
            if self._register is not None:
                self._register.idled(member)
        if said.visible is not None and said.visible != tab.is_visible:
            self._turn(member, tab, is_visible=said.visible)
        if said.active:
            self.owners.seen(member)
        if said.want is not None and _is_sent(tab, said.want):
            self._repeat(member, said.want)
        if said.act is not None:
            self.owners.act(member, said.act)

    def opened(self, member: Member) -> None:
        """Do nothing: a tab is sent what it asks for."""

    def unsubscribed(self, member: Member, channel: str) -> None:
        """Count one tab less for a view."""
        tab = tab_of(member)
        if member.is_closed and self._register is not None:
            self._register.ended(member)
        ticket = tab.shown.pop(channel, None)
        if ticket is not None:
            self._unshow(tab, ticket)
            self._caster.release(ticket.profile)

    def closed(self, member: Member) -> None:
        """Count the tab out everywhere."""
        if self._register is not None:
            self._register.ended(member)
        for channel in list(tab_of(member).shown):
            self.unsubscribed(member, channel)
        self.owners.left(member)

    async def publish(self, member: Member, request: PublishRequest) -> None:
        """Refuse: tabs don't publish here."""
        raise refuse(ErrorCode.PERMISSION_DENIED)

    async def history(self, member: Member, request: HistoryRequest) -> HistoryResult:
        """Refuse: a view has no history, only its newest value."""
        raise refuse(ErrorCode.NOT_AVAILABLE)

    async def rpc(self, member: Member, method: str, data: bytes) -> bytes:
        """Refuse: there are no methods."""
        raise refuse(ErrorCode.METHOD_NOT_FOUND)

    async def refresh(self, member: Member, token: str) -> float | None:
        """Refuse: connections don't expire."""
        raise refuse(ErrorCode.NOT_AVAILABLE)

    async def sub_refresh(self, member: Member, channel: str, token: str) -> float | None:
        """Refuse: subscriptions don't expire; a new ticket comes with a rerun."""
        raise refuse(ErrorCode.NOT_AVAILABLE)

    def _turn(self, member: Member, tab: Tab, *, is_visible: bool) -> None:
        """Move a tab's views from shown to hidden or back; coming back brings the newest of each."""
        self._change(member, tab, is_visible=is_visible, is_silenced=tab.is_silenced)
        if self._register is not None:
            self._register.turned(member)
        if is_visible:
            self.owners.seen(member)
        else:
            self.owners.hidden(member)

    def _judge(self, member: Member, person: str) -> None:
        """Silence a tab, or let it be heard again, as real-time is on for its person; it is told."""
        tab, is_silenced = tab_of(member), not self._flags.is_on(REALTIME, person)
        if tab.is_silenced != is_silenced and not member.is_closed:
            member.message(b'{"realtime":false}' if is_silenced else b'{"realtime":true}')
            self._change(member, tab, is_visible=tab.is_visible, is_silenced=is_silenced)

    def _change(self, member: Member, tab: Tab, *, is_visible: bool, is_silenced: bool) -> None:
        """Stop or begin to push a tab's views to it; beginning brings the newest of each."""
        tickets = [ticket for ticket in tab.shown.values() if not _is_for_hidden(ticket)]
        for ticket in tickets:
            self._unshow(tab, ticket)
        tab.is_visible, tab.is_silenced = is_visible, is_silenced
        for ticket in tickets:
            self._show(tab, ticket)
            if tab.is_pushed_to:
                self._repeat(member, ticket.channel)

    def _show(self, tab: Tab, ticket: Ticket) -> None:
        if tab.is_pushed_to or _is_for_hidden(ticket):
            self._caster.follow(lookup(ticket.view), ticket.parameters, profile=ticket.profile)
        else:
            self._hidden[ticket.channel] = self._hidden.get(ticket.channel, 0) + 1

    def _unshow(self, tab: Tab, ticket: Ticket) -> None:
        if tab.is_pushed_to or _is_for_hidden(ticket):
            self._caster.unfollow(ticket.channel)
            return
        self._hidden[ticket.channel] -= 1
        if not self._hidden[ticket.channel]:
            del self._hidden[ticket.channel]

    def _repeat(self, member: Member, channel: str) -> None:
        """Send a view's full newest value to one tab that lacks it."""
        ticket = tab_of(member).shown.get(channel)
        if ticket is None or member.is_closed:
            return
        task = asyncio.get_running_loop().create_task(self._send_newest(member, ticket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_newest(self, member: Member, ticket: Ticket) -> None:
        try:
            full = await asyncio.to_thread(self._newest, ticket)
        except Exception:  # the view's own mistake; the next change tries again
            _log.exception("The view %s can't be shown", ticket.view)
            return
        if _is_sent(tab_of(member), ticket.channel):
            # No patch may supersede it: the tab asks once, and takes no patch before it has this.
            member.push(ticket.channel, OutPublication(full, key=ticket.channel))

    def _newest(self, ticket: Ticket) -> bytes:
        return self._caster.full(lookup(ticket.view), ticket.parameters, profile=ticket.profile)


def _is_for_hidden(ticket: Ticket) -> bool:
    """Tell whether hidden tabs are sent a ticket's view, too."""
    return lookup(ticket.view).while_hidden


def _is_sent(tab: Tab, channel: str) -> bool:
    """Tell whether a tab is sent what happens on a channel."""
    ticket = tab.shown.get(channel)
    return tab.is_pushed_to or (ticket is not None and _is_for_hidden(ticket))
