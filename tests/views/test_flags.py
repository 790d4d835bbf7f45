"""Claims about what is told of flags: to each person what concerns them, to administrators how it goes."""

from __future__ import annotations

import pytest

from realtime.protocol.flags import (
    NOTIFICATIONS,
    READ_ONLY,
    REALTIME,
    USUAL,
    WEBSOCKET,
    Flag,
    Flags,
    FlagsTold,
    FlagTold,
)
from realtime.pulse import Figures
from realtime.store import ConnectionState, ConnectionStatus, Store
from realtime.views import flags
from tests.store.making import NOW


def told(store: Store, person: str = "ann") -> list[str]:
    """Return which flags a person is told of."""
    return [line["key"] for line in flags.switched(store, now=NOW, person=person)["lines"]]


def test_nothing_is_said_while_everything_is_as_usual() -> None:
    """Also before the gateway has told anything."""
    assert flags.switched(Store(), now=NOW)["lines"] == []


def test_what_is_switched_is_said_with_what_follows_and_why() -> None:
    """Since when, in milliseconds, as JavaScript counts them."""
    store = Store()
    store.set_flags(Flags(1, (Flag(READ_ONLY, 100, NOW, "bob", "moving house"),)))
    assert flags.switched(store, now=NOW, person="ann")["lines"] == [
        {
            "key": READ_ONLY, "symbol": "■", "text": "Read-only", "meaning": "Changes are refused for now.",
            "why": "moving house", "at": round(NOW * 1000),
        }
    ]  # fmt: skip


def test_a_share_is_told_to_those_it_concerns() -> None:
    """Of two people one is asked to refresh, the other isn't."""
    store = Store()
    store.set_flags(Flags(1, (Flag(REALTIME, 50), Flag(NOTIFICATIONS, 0))))
    assert told(store, "ann") == [REALTIME, NOTIFICATIONS]
    assert told(store, "bob") == [NOTIFICATIONS]


def test_sockets_are_told_of_where_they_are_off_for_this_app() -> None:
    """A share counts apps, not who looks at one: it is told where this one polls."""
    store = Store()
    store.set_flags(Flags(1, (Flag(WEBSOCKET, 50),)))
    assert told(store) == []
    store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED, transport="polling"), now=NOW)
    assert told(store) == [WEBSOCKET]
    store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED, transport="websocket"), now=NOW)
    store.set_flags(Flags(2, (Flag(WEBSOCKET, 0),)))
    assert told(store) == [WEBSOCKET]


def test_figures_stand_side_by_side() -> None:
    """A rate a minute, what failed, how long it took; a flag that was never touched has no before."""
    store = Store()
    assert flags.figures(store, now=NOW, name=WEBSOCKET)["rows"] == []
    now, before = Figures(120, 6, 1.25, 80.4, 60.0), Figures(30, 0, 0.5, 2.0, 30.0)
    rows = (FlagTold(WEBSOCKET, 50, NOW, now=now, before=before), FlagTold(REALTIME, 100, now=Figures()))
    store.set_flags_told(FlagsTold(3, rows))
    assert [row["cells"] for row in flags.figures(store, now=NOW, name=WEBSOCKET)["rows"]] == [
        ["Now", "120", "5.00%", "1.2 ms", "80 ms"],
        ["Before the change", "60", "0%", "0.5 ms", "2 ms"],
    ]
    assert [row["cells"] for row in flags.figures(store, now=NOW, name=REALTIME)["rows"]] == [
        ["Now", "none", "–", "–", "–"]
    ]


@pytest.mark.parametrize(("percent", "words"), [(0, "Off"), (100, "On"), (25, "On for 25 % of the people")])
def test_where_a_flag_stands_is_a_word_or_two(percent: int, words: str) -> None:
    """Whatever the flag."""
    assert flags.state_of(Flag(REALTIME, percent)) == words


def test_every_flag_has_its_words() -> None:
    """A new flag mustn't be without."""
    for words in (flags._WORDS, flags.LABELS, flags.MEANINGS, flags._COUNTED):
        assert words.keys() == USUAL.keys()
