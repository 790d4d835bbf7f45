"""Tickets: only what was signed, only until it expires."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import TicketError
from realtime.live.tickets import TICKET_LIFE_S, Tickets, channel_of, ticket_key

SECRET = b"s" * 32
_parameters = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    max_size=4,
)


@given(view=st.text(max_size=20), parameters=_parameters, person=st.text(max_size=9), now=st.floats(0, 4e9))
@settings(deadline=None, max_examples=60)
def test_a_ticket_says_what_was_signed(view: str, parameters: dict[str, Any], person: str, now: float) -> None:
    """Whatever the view and parameters, verifying gives them back."""
    tickets = Tickets(SECRET)
    ticket = tickets.verify(tickets.issue(view, parameters, person=person, now=now), now=now)
    assert (ticket.view, dict(ticket.parameters), ticket.person) == (view, parameters, person)
    assert ticket.channel == channel_of(view, parameters)
    assert now < ticket.expires_at <= now + TICKET_LIFE_S


@given(place=st.integers(0, 10_000), change=st.characters(max_codepoint=127))
@settings(deadline=None, max_examples=60)
def test_a_changed_ticket_is_refused(place: int, change: str) -> None:
    """No single character of a ticket can be another one."""
    tickets = Tickets(SECRET)
    token = tickets.issue("feed.newest", {"limit": 20}, now=1_000.0)
    place %= token.rindex(".")  # the signature's last character has bits that mean nothing
    forged = token[:place] + change + token[place + 1 :]
    if forged != token:
        with pytest.raises(TicketError):
            tickets.verify(forged, now=1_000.0)


@given(token=st.text(max_size=60))
def test_any_text_is_refused_as_a_ticket(token: str) -> None:
    """Garbage is a TicketError, never something else."""
    with pytest.raises(TicketError):
        Tickets(SECRET).verify(token, now=0.0)


def test_another_secret_is_refused() -> None:
    """A ticket from before a restart with another secret doesn't let anyone in."""
    token = Tickets(b"o" * 32).issue("feed.newest", {}, now=0.0)
    with pytest.raises(TicketError, match="isn't one of ours"):
        Tickets(SECRET).verify(token, now=0.0)


def test_an_unsigned_ticket_is_refused() -> None:
    """The algorithm `none` is no algorithm."""
    claims = {
        "iss": "tideboard/live",
        "sub": "",
        "channel": "c",
        "exp": 10**10,
        "view": "v",
        "parameters": {},
        "profile": "",
    }
    with pytest.raises(TicketError):
        Tickets(SECRET).verify(jwt.encode(claims, "", algorithm="none"), now=0.0)


def test_a_ticket_without_a_view_is_refused() -> None:
    """Our signature on something else isn't a ticket."""
    claims = {"iss": "tideboard/live", "sub": "", "channel": "c", "exp": 10**10, "parameters": {}, "profile": ""}
    with pytest.raises(TicketError):
        Tickets(SECRET).verify(jwt.encode(claims, SECRET, algorithm="HS256"), now=0.0)


def test_a_ticket_expires() -> None:
    """It is good for between 23 and 24 hours."""
    tickets = Tickets(SECRET)
    token = tickets.issue("feed.newest", {}, now=5_000.0)
    tickets.verify(token, now=5_000.0 + TICKET_LIFE_S - 3_600.0)
    with pytest.raises(TicketError, match="expired"):
        tickets.verify(token, now=5_000.0 + TICKET_LIFE_S)


def test_a_ticket_is_the_same_text_within_an_hour() -> None:
    """So a rerun doesn't make every component's input new."""
    tickets = Tickets(SECRET)
    assert tickets.issue("v", {"a": 1, "b": 2}, now=7_200.0) == tickets.issue("v", {"a": 1, "b": 2}, now=10_799.0)


def test_the_order_of_parameters_makes_no_other_channel() -> None:
    """One distinct view is one channel; another profile is another."""
    assert channel_of("v", {"a": 1, "b": 2}) == channel_of("v", {"b": 2, "a": 1})
    assert channel_of("v", {}, profile="x") != channel_of("v", {})


def test_a_ticket_is_no_token_and_a_token_is_no_ticket() -> None:
    """Both are signed under one secret, with keys of their own."""
    secret = "a secret of more than 32 characters"
    tickets = Tickets(ticket_key(secret.encode()))
    ticket = tickets.issue("feed.newest", {}, person="ann", now=0.0)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(ticket, secret, algorithms=["HS256"], options={"verify_exp": False})
    claims = jwt.decode(ticket, options={"verify_signature": False})
    with pytest.raises(TicketError):
        tickets.verify(jwt.encode(claims, secret, algorithm="HS256"), now=0.0)


def test_a_person_who_was_put_out_has_no_ticket_any_more() -> None:
    """Blocked: none at all; sent away: none of before, and new ones once they are back. Others keep theirs."""
    standing: dict[str, float | None] = {}
    tickets = Tickets(SECRET, standing=lambda person: standing.get(person, 0.0))
    before, others = tickets.issue("v", {}, person="ann", now=0.0), tickets.issue("v", {}, person="bob", now=0.0)
    assert tickets.verify(before, now=0.0).person == "ann"
    standing["ann"] = 7.5
    with pytest.raises(TicketError, match="taken back"):
        tickets.verify(before, now=0.0)
    after = tickets.issue("v", {}, person="ann", now=0.0)
    assert tickets.verify(after, now=0.0).person == "ann"
    standing["ann"] = None
    for ticket in (after, tickets.issue("v", {}, person="ann", now=0.0)):
        with pytest.raises(TicketError, match="taken back"):
            tickets.verify(ticket, now=0.0)
    assert tickets.verify(others, now=0.0).person == "bob"
