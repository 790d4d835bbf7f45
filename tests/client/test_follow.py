"""Following a channel at run time, against a gateway that does what the test says: joined, left, refused, loaded."""

from __future__ import annotations

import threading
from http import HTTPStatus

from realtime.notifications.commands import Add, Command, Set, command_value
from realtime.protocol.events import Envelope
from realtime.protocol.frames import ErrorFrame
from realtime.protocol.positions import Position
from tests.client.world import World
from tests.notifications.making import adding, notice
from tests.store.making import ORDERS, created

INBOX = "inbox#ann"


def told(command: Command) -> Envelope:
    """Make the event that carries a command into Ann's inbox."""
    data = {"user": "ann", "command": command_value(command)}
    return Envelope(id=command.id, source="/t", type="inbox:command", specversion="1.0", data=data)


def news(number: int) -> Add:
    """Make a command that puts a row in."""
    return adding(notice(f"k{number}", offset=number, at=1_800_000_000.0 + 60 * number))


def rows(world: World) -> list[str]:
    """Name the rows that are held of Ann's inbox."""
    return list(world.store.inbox("ann").inbox.rows)


def subscribes(world: World) -> list[tuple[bool, int]]:
    """Return how Ann's inbox was subscribed to: whether from a position, and which."""
    return [(one.recover, one.offset) for one in world.gateway.subscribes if one.channel == INBOX]


def test_a_channel_followed_while_connected_comes_into_sync(scripted: World) -> None:
    """Snapshot, then live; the connection stays in sync all the while, and nobody's handlers hear of it."""
    scripted.gateway.publish(INBOX, told(news(1)))
    scripted.connect()
    heard: list[Envelope] = []
    scripted.client.subscribe("*", heard.append)
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.until(lambda: scripted.store.inbox("ann").is_synced)
    assert scripted.client.is_connected
    assert rows(scripted) == ["k1"]
    scripted.gateway.publish(INBOX, told(news(2)))
    scripted.until(lambda: rows(scripted) == ["k1", "k2"])
    assert scripted.store.position(INBOX) == Position("e1", 2)
    assert heard == []


def test_a_channel_followed_before_connecting_is_joined_with_the_others(scripted: World) -> None:
    """And again after a cut, from its position: what was missed comes, nothing twice."""
    scripted.gateway.publish(INBOX, told(news(1)))
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.connect()
    assert rows(scripted) == ["k1"]
    scripted.gateway.cut()
    scripted.gateway.publish(INBOX, told(news(2)), is_lost=True)
    scripted.settle(2)
    scripted.until(lambda: rows(scripted) == ["k1", "k2"])
    assert subscribes(scripted)[-1] == (True, 1)
    assert scripted.store.inbox("ann").inbox.total == 2


def test_a_gap_in_an_inbox_is_found_and_filled(scripted: World) -> None:
    """An offset that skips makes it resume."""
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.connect()
    scripted.gateway.publish(INBOX, told(news(1)), is_lost=True)
    scripted.gateway.publish(INBOX, told(news(2)))
    scripted.until(lambda: rows(scripted) == ["k1", "k2"])
    assert scripted.store.gaps == ()


def test_what_was_trimmed_is_loaded_anew_and_nothing_is_called_lost(scripted: World) -> None:
    """An inbox comes whole, so that no hole in the feed is told of."""
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.connect()
    scripted.gateway.publish(INBOX, told(news(1)))
    scripted.until(lambda: rows(scripted) == ["k1"])
    scripted.gateway.publish(INBOX, *(told(news(number)) for number in range(2, 300)), is_lost=True)
    scripted.gateway.trimmed_to = 299
    scripted.gateway.cut()
    scripted.settle(2)
    scripted.until(lambda: len(rows(scripted)) == 299)
    assert scripted.store.gaps == ()
    assert "connection:gap" not in scripted.raised()


def test_followed_twice_it_is_left_with_the_second_release(scripted: World) -> None:
    """And a release counts once, however often it is called."""
    scripted.connect()
    scripted.store.inboxes.open("ann", now=0.0)
    one, two = scripted.client.follow(INBOX), scripted.client.follow(INBOX)
    scripted.until(lambda: scripted.store.inbox("ann").is_synced)
    one()
    one()
    scripted.gateway.publish(INBOX, told(news(1)))
    scripted.until(lambda: rows(scripted) == ["k1"])
    two()
    scripted.until(lambda: all(INBOX not in channels for channels in scripted.gateway.members.values()))
    scripted.gateway.publish(INBOX, told(news(2)))
    scripted.gateway.publish(ORDERS, created("a"), announce=True)
    scripted.until(lambda: scripted.ids() == {"a"})
    assert rows(scripted) == ["k1"]
    assert len(subscribes(scripted)) == 1


def test_left_and_followed_again_in_haste_it_takes_no_answer_of_before(scripted: World) -> None:
    """Answers to the first subscribe and load mean nothing to the second; in the end all is there."""
    scripted.gateway.publish(INBOX, told(news(1)))
    scripted.connect()
    scripted.store.inboxes.open("ann", now=0.0)
    for _ in range(20):
        scripted.client.follow(INBOX)()
    scripted.client.follow(INBOX)
    scripted.gateway.publish(INBOX, told(news(2)))
    scripted.until(lambda: rows(scripted) == ["k1", "k2"])
    scripted.gateway.publish(INBOX, told(Set(id="s", at=1.0, keys=("k1",), mark="read")))
    scripted.until(lambda: scripted.store.position(INBOX) == Position("e1", 3))
    assert scripted.client.is_connected
    assert scripted.store.connection.dials == 1


def test_a_refused_channel_disturbs_nothing_else(scripted: World) -> None:
    """The inbox stays empty and unsynced; everything else is live."""
    scripted.gateway.refused_channels[INBOX] = ErrorFrame(code=103, message="permission denied")
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("a"), announce=True)
    scripted.until(lambda: scripted.ids() == {"a"})
    assert not scripted.store.inbox("ann").is_synced


def test_an_inbox_that_cant_be_loaded_now_is_tried_again(scripted: World) -> None:
    """A gateway that is busy answers later."""
    scripted.connect()
    scripted.gateway.http_status["/api/inbox/ann"] = HTTPStatus.SERVICE_UNAVAILABLE
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.until(lambda: len(subscribes(scripted)) > 1)
    del scripted.gateway.http_status["/api/inbox/ann"]
    scripted.until(lambda: scripted.store.inbox("ann").is_synced)


def test_of_a_server_without_inboxes_the_stream_alone_is_read(scripted: World) -> None:
    """A plain Centrifugo has no such route: then the events it keeps make the inbox."""
    scripted.gateway.publish(INBOX, told(news(1)), told(news(2)))
    scripted.gateway.http_status["/api/inbox/ann"] = HTTPStatus.NOT_FOUND
    scripted.connect()
    scripted.store.inboxes.open("ann", now=0.0)
    scripted.client.follow(INBOX)
    scripted.until(lambda: rows(scripted) == ["k1", "k2"])


def test_other_peoples_inboxes_arent_followed_when_they_come_into_being(scripted: World) -> None:
    """What is announced is joined, but for inboxes."""
    scripted.connect()
    scripted.gateway.publish("inbox#bob", told(news(1)), announce=True)
    scripted.gateway.publish(ORDERS, created("a"), announce=True)
    scripted.until(lambda: scripted.ids() == {"a"})
    assert "inbox#bob" not in {one.channel for one in scripted.gateway.subscribes}


def test_many_threads_may_follow_and_let_go(scripted: World) -> None:
    """Whoever is last decides; nothing is followed in the end."""
    scripted.connect()

    def come_and_go() -> None:
        for _ in range(50):
            scripted.client.follow(INBOX)()

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert scripted.client._followed == {}
    scripted.gateway.publish(ORDERS, created("a"), announce=True)
    scripted.until(lambda: scripted.ids() == {"a"})
    scripted.until(lambda: all(INBOX not in channels for channels in scripted.gateway.members.values()))
