"""Brings what connections do to attendance, as facts about tabs of people. Knows no views.

Threads: the event loop's.
"""

from __future__ import annotations

from realtime.hub.ports import Member
from realtime.live.attendance import Attendance
from realtime.live.tab import tab_of
from realtime.protocol.codes import DisconnectCode


class Register:
    """Whose tabs are open, by their live channels.

    `silence_s` is how long a connection was silent when the hub ends it for that.
    """

    def __init__(self, attendance: Attendance, *, silence_s: float) -> None:
        self._attendance = attendance
        self._silence_s = silence_s

    def belongs(self, member: Member, person: str) -> None:
        """Take in whose a tab is, as its newest ticket says."""
        tab = tab_of(member)
        if tab.counted is not None and person and tab.counted[1] != person:
            self._attendance.closed(*tab.counted)
            tab.counted = None
        self._count(member, person)

    def named(self, member: Member, key: str) -> None:
        """Take in which tab this is; the first name counts."""
        tab = tab_of(member)
        tab.key = tab.key or key
        self._count(member, tab.person or "")

    def idled(self, member: Member) -> None:
        """Take in that nobody is at a tab any more, or somebody is again."""
        tab = tab_of(member)
        if tab.counted is not None:
            self._attendance.idled(*tab.counted, is_idle=tab.is_idle)

    def turned(self, member: Member) -> None:
        """Take in that a tab can be seen, or no longer."""
        tab = tab_of(member)
        if tab.counted is not None:
            self._attendance.shown(*tab.counted, is_visible=tab.is_visible)

    def ended(self, member: Member) -> None:
        """Count a tab out as soon as its connection is over, be it for a missing pong: then it left some time ago."""
        tab = tab_of(member)
        if tab.counted is None:
            return
        is_silent = member.ended_by is not None and member.ended_by.code == DisconnectCode.NO_PONG
        self._attendance.closed(*tab.counted, silent_s=self._silence_s if is_silent else 0.0)
        tab.counted = None

    def _count(self, member: Member, person: str) -> None:
        """Count a tab once both its name and its person are known, with what it has said of itself."""
        tab = tab_of(member)
        if tab.counted is not None or not tab.key or not person or member.is_closed:
            return
        tab.counted = (tab.key, person)
        self._attendance.opened(*tab.counted)
        self.turned(member)
        self.idled(member)
