"""Claims about the gate: nobody has more than their share, and whatever happens all of it is given back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import CommandError, Disconnect
from realtime.hub.gate import MOST_REFUSALS, WINDOW_S, Gate, Quotas, Refusal, Seat
from realtime.hub.ports import Peer

HERE = Peer("10.0.0.1")


class Notebook:
    """Records what is noted."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    def note(self, action: str, *, actor: str, outcome: Any, detail: str = "", **_: Any) -> None:
        """Record it."""
        self.lines.append((action, actor, detail))


class Meter:
    """Rates that count plainly, without forgetting, and record who asked."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], int] = {}
        self.asked = 0

    async def take(self, what: str, who: str, *, most: int, window_s: int, cost: int = 1) -> float:
        """Count it."""
        self.asked += 1
        if self.taken.get((what, who), 0) + cost > most:
            return 3.5
        self.taken[what, who] = self.taken.get((what, who), 0) + cost
        return 0.0


def seated(gate: Gate, peer: Peer = HERE) -> Seat:
    """Enter; there has to be room."""
    seat = gate.enter(peer)
    assert isinstance(seat, Seat)
    return seat


def test_an_address_has_so_many_connections() -> None:
    """Others have their own, and who leaves makes room."""
    gate = Gate(quotas=Quotas(connections_per_address=8))
    seats = []
    for _ in range(8):
        seats.append(seated(gate))
        seats[-1].let_in("")
    refusal = gate.enter(HERE)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.retry_s > 0) == (429, True)
    seated(gate, Peer("10.0.0.2"))
    seats.pop().leave()
    seated(gate)


def test_few_of_them_may_have_said_nothing_yet() -> None:
    """Whoever opens sockets and sits there is stopped long before others are."""
    gate = Gate(quotas=Quotas(connections_per_address=8))
    first, _ = seated(gate), seated(gate)
    assert isinstance(gate.enter(HERE), Refusal)
    first.let_in("ann")
    seated(gate)


def test_one_ipv6_customer_is_one_address() -> None:
    """Else they would have as many as there are."""
    gate = Gate(quotas=Quotas(connections_per_address=4))
    seated(gate, Peer("2001:db8::1"))
    assert isinstance(gate.enter(Peer("2001:db8::2")), Refusal)
    seated(gate, Peer("2001:db8:0:1::1"))


def test_a_person_has_so_many_connections() -> None:
    """Wherever they come from; nobody in particular, and the app before many, are no person."""
    notes = Notebook()
    gate = Gate(quotas=Quotas(connections_per_person=1), notes=notes)
    seated(gate).let_in("ann")
    with pytest.raises(Disconnect) as ended:
        seated(gate, Peer("10.0.0.2")).let_in("ann")
    assert ended.value.code == 3504
    for _ in range(3):
        seated(gate).let_in("")
        seated(gate).let_in("app", is_trusted=True)
    assert notes.lines == [("limit", "ann", "connections_per_person")]


def test_subscriptions_are_counted_by_address_and_by_person() -> None:
    """One too many is refused with 106, and another's isn't touched by it."""
    gate = Gate(quotas=Quotas(subscriptions_per_address=3, subscriptions_per_person=2))
    ann, bob = seated(gate), seated(gate)
    ann.let_in("ann")
    bob.let_in("bob")
    for channel in ("a", "b"):
        ann.follow(channel)
    with pytest.raises(CommandError) as refused:
        ann.follow("c")
    assert refused.value.code == 106
    bob.follow("a")
    with pytest.raises(CommandError):
        bob.follow("b")
    ann.unfollow("a")
    bob.follow("b")


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "let_in", "follow", "unfollow", "leave"]), st.integers(0, 5), st.sampled_from("abc")
    ),
    max_size=80,
)


@given(ACTS)
def test_all_is_given_back(acts: list[tuple[str, int, str]]) -> None:
    """In whatever order things happen, refusals and repeats included, nothing stays counted in the end."""
    gate = Gate(
        quotas=Quotas(
            connections_per_address=4, connections_per_person=2, subscriptions_per_address=5, subscriptions_per_person=3
        )
    )
    seats: list[Seat] = []
    for act, number, word in acts:
        if act == "enter":
            seat = gate.enter(Peer(f"10.0.0.{number % 2}"))
            seats += [seat] if isinstance(seat, Seat) else []
        elif seats:
            one = seats[number % len(seats)]
            try:
                if act == "leave":
                    one.leave()
                elif act == "let_in":
                    one.let_in(word) if one.who.startswith("address") else None
                else:
                    getattr(one, act)(word)
            except (CommandError, Disconnect):
                pass
    for one in seats:
        one.leave()
    assert gate.counted == {}


def test_commands_are_counted_by_the_dozen_and_refused_beyond_the_limit() -> None:
    """Counting is dearer than many a command, so that a connection takes several at once."""
    meter = Meter()
    gate = Gate(quotas=Quotas(commands_per_s=100), rates=meter)
    seat = seated(gate)
    seat.let_in("ann")

    async def walk() -> list[float]:
        return [await seat.wait_s(0.0) for _ in range(1100)]

    waits = asyncio.run(walk())
    allowed = waits.count(0.0)
    assert 900 < allowed <= 1000
    assert set(waits[allowed:]) == {3.5}
    assert meter.asked < 300


def test_what_was_taken_at_once_doesnt_keep() -> None:
    """A credit is for the window it was taken in."""
    meter = Meter()
    seat = seated(Gate(quotas=Quotas(commands_per_s=100), rates=meter))

    async def walk() -> None:
        await seat.wait_s(0.0)
        await seat.wait_s(1.0)
        assert meter.asked == 1
        await seat.wait_s(1.0 + WINDOW_S)
        assert meter.asked == 2

    asyncio.run(walk())


def test_whoever_goes_on_and_on_is_sent_away_for_a_while() -> None:
    """With a code that means come back."""
    notes = Notebook()
    gate = Gate(quotas=Quotas(commands_per_s=1), rates=Meter(), notes=notes)
    seat = seated(gate)

    async def walk() -> None:
        for _ in range(WINDOW_S):
            assert await seat.wait_s(0.0) == 0
        for _ in range(MOST_REFUSALS):
            assert await seat.wait_s(0.0) > 0
        with pytest.raises(Disconnect) as ended:
            await seat.wait_s(0.0)
        assert ended.value.code == 3013

    asyncio.run(walk())
    assert notes.lines == [("limit", "", "commands_per_s")]


def test_persons_and_addresses_are_counted_apart() -> None:
    """Whoever says who they are isn't held to what their neighbours do."""
    meter = Meter()
    gate = Gate(rates=meter)
    ann, nobody, app = seated(gate), seated(gate), seated(gate)
    ann.let_in("ann")
    app.let_in("app", is_trusted=True)

    async def walk() -> None:
        for seat in (ann, nobody, app):
            await seat.wait_s(0.0)

    asyncio.run(walk())
    assert set(meter.taken) == {("commands", "person:ann"), ("commands", "address:10.0.0.1")}
