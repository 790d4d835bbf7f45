"""Claims about the way to Redis, each against real servers: every form of address, logins, TLS, failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError, TimeoutError

from realtime.config import Settings
from realtime.errors import StartError, StorageError, StorageFull
from realtime.gateway.nodes.dialing import ask
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.scripts import FOLDER
from tests.support.certificates import Certificates, make_certificates
from tests.support.redis_server import RedisServer, documented_user
from tests.support.waiting import until

PASSWORD = "p@ss:w/rd%"
WRITTEN = "p%40ss%3Aw%2Frd%25"


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    """Run a server that lets in by login alone: Ann may do everything, Bob see nothing but his own keys."""
    users = [f"user ann on >{PASSWORD} ~* &* +@all", f"user bob on >{PASSWORD} ~bob:* -@all +get +eval +ping"]
    with RedisServer(users=[*users, documented_user()]) as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make an authority and what it signs."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def encrypted(certificates: Certificates) -> Iterator[RedisServer]:
    """Run a server that speaks TLS alone and asks for a certificate."""
    with RedisServer(certificates=certificates) as server:
        yield server


def _link(url: str, **changes: Any) -> Link:
    return Link.of(replace(Settings(redis_url=url), **changes))


def _failure(link: Link, *command: str) -> StorageError:
    """Send a command that has to fail, and return it in our words."""
    with pytest.raises(RedisError) as caught:
        ask(link.client(), *command)
    failure = link.words(caught.value)
    link.close()
    return failure


def test_a_server_is_reached(redis_server: RedisServer, redis_prefix: str) -> None:
    """By host and port, with bytes in and out, by one client until it is looked for again."""
    link = _link(redis_server.url, redis_prefix=redis_prefix)
    key = link.keys.of("s", "collection:orders")
    assert key == f"{{{redis_prefix}}}:s:collection:orders"
    assert link.client().set(key, b"\xff") is True
    assert link.client().get(key) == b"\xff"
    assert link.client() is link.client()
    assert link.where == redis_server.address
    link.close()


def test_a_socket_file_is_reached(redis_server: RedisServer) -> None:
    """With a database of its own."""
    link = _link(f"unix://{redis_server.socket_file}?db=3")
    assert link.client().ping() is True
    assert b" db=3 " in ask(link.client(), "CLIENT", "LIST", "ID", link.client().client_id())
    assert link.where == str(redis_server.socket_file)
    link.close()


def test_a_login_is_used(guarded: RedisServer) -> None:
    """Whatever is in the password."""
    link = _link(f"redis://ann:{WRITTEN}@{guarded.address}")
    assert ask(link.client(), "ACL", "WHOAMI") == b"ann"
    link.close()


@pytest.mark.parametrize(
    ("login", "command", "words"),
    [
        ("", "PING", "asks for a login: put user and password"),
        (f"ann:{WRITTEN}x@", "PING", "refuses our login: correct user and password in redis_url"),
        (f"nobody:{WRITTEN}@", "PING", "refuses our login"),
        (f"bob:{WRITTEN}@", "GET x", "doesn't let our user do that"),
        (f"bob:{WRITTEN}@", "SET bob:1 1", "doesn't let our user do that"),
        (f"bob:{WRITTEN}@", "EVAL return(redis.call('SET','bob:1','1')) 0", "give it the ACL line in docs/operations"),
        (f"bob:{WRITTEN}@", "EVAL return(redis.call('GET','ann:1')) 0", "give it the ACL line in docs/operations"),
    ],
)
def test_what_a_login_may_not_is_said_without_the_password(
    guarded: RedisServer, login: str, command: str, words: str
) -> None:
    """By the command itself or by a script."""
    failure = _failure(_link(f"redis://{login}{guarded.address}"), *command.split())
    assert words in str(failure)
    assert guarded.address in str(failure)
    assert PASSWORD not in str(failure)
    assert WRITTEN not in str(failure)


def test_the_documented_user_will_do(guarded: RedisServer) -> None:
    """With the least rights it may have; it can't touch what isn't ours."""
    link = _link(f"redis://tideboard:password@{guarded.address}")
    link.check()
    assert "doesn't let our user" in str(_failure(link, "XRANGE", "other", "-", "+"))


def test_the_documented_user_has_every_command_of_the_scripts() -> None:
    """What a script calls has to be allowed to whoever runs it."""
    called = {
        word.lower()
        for path in FOLDER.glob("*.lua")
        for word in re.findall(r"redis\.p?call\(\s*['\"]([A-Za-z]+)['\"]", path.read_text(encoding="utf-8"))
    }
    assert "info" in called, "the search has to find commands at all"
    assert sorted(called - set(re.findall(r"\+([a-z]+)", documented_user()))) == []


def test_tls_is_spoken_with_certificates_of_our_own(encrypted: RedisServer, certificates: Certificates) -> None:
    """The server's is verified by the authority's file, ours is shown."""
    link = _link(
        encrypted.url,
        redis_ca_file=certificates.authority,
        redis_cert_file=certificates.client,
        redis_key_file=certificates.client_key,
    )
    assert link.client().ping() is True
    link.close()


def test_an_unknown_authority_is_refused(encrypted: RedisServer) -> None:
    """The system's doesn't know the one that signed."""
    assert "certificate that isn't trusted" in str(_failure(_link(encrypted.url), "PING"))


def test_a_certificate_for_another_host_is_refused(encrypted: RedisServer, certificates: Certificates) -> None:
    """It is valid for 127.0.0.1 and localhost, not for every address of this machine."""
    link = _link(encrypted.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"), redis_ca_file=certificates.authority)
    assert "certificate that isn't trusted" in str(_failure(link, "PING"))


def test_who_shows_no_certificate_hears_about_tls(encrypted: RedisServer, certificates: Certificates) -> None:
    """A server that asks for one ends the connection."""
    failure = str(_failure(_link(encrypted.url, redis_ca_file=certificates.authority), "PING"))
    assert "redis_cert_file" in failure or "TLS" in failure


def test_plain_text_to_a_server_with_tls_is_a_failure_with_words(encrypted: RedisServer) -> None:
    """The server hangs up on what is no TLS."""
    assert "can't be reached" in str(_failure(_link(encrypted.url.replace("rediss", "redis")), "PING"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redis_ca_file": "missing"}, "redis_ca_file"),
        ({"redis_ca_file": "client_key"}, "redis_ca_file"),
        ({"redis_cert_file": "client"}, "redis_cert_file"),
        ({"redis_cert_file": "client", "redis_key_file": "server_key"}, "redis_cert_file"),
        ({"redis_key_file": "client_key"}, "redis_key_file is set without redis_cert_file"),
    ],
)
def test_files_that_cant_be_used_stop_the_start(
    certificates: Certificates, changes: dict[str, str], words: str
) -> None:
    """Missing, something else, without a key, or with another's."""
    files = {key: getattr(certificates, name, Path("missing.pem")) for key, name in changes.items()}
    with pytest.raises(StartError, match=words):
        _link("rediss://localhost", **files)


def test_nothing_listening_is_said() -> None:
    """With what to do."""
    with RedisServer() as server:
        url = server.url
    failure = str(_failure(_link(url), "PING"))
    assert "can't be reached (Connection refused): start it, or correct redis_url" in failure


def test_a_name_that_leads_nowhere_is_said() -> None:
    """As far as the system says why."""
    assert "redis.invalid:6379 can't be reached" in str(_failure(_link("redis://redis.invalid"), "PING"))


def test_a_frozen_server_is_given_up_and_nothing_is_sent_twice() -> None:
    """The command is answered too late for us, and has run once when the server goes on."""
    with RedisServer() as server:
        link = _link(server.url)
        assert link.client().incr("count") == 1
        server.freeze()
        failure = _failure(link, "INCR", "count")
        assert "doesn't answer in time" in str(failure)
        server.thaw()
        assert link.client().get("count") == b"2"
        link.close()


def test_a_full_server_is_storage_that_is_full() -> None:
    """Whether a command says so or a script."""
    with RedisServer(settings={"maxmemory": "100kb"}) as server:
        for command in ("SET x 1", "EVAL return(redis.call('SET',KEYS[1],'1')) 1 x"):
            failure = _failure(_link(server.url), *command.split())
            assert isinstance(failure, StorageFull)
            assert "raise its maxmemory" in str(failure)


def test_a_replica_is_told_from_what_can_be_written(redis_server: RedisServer) -> None:
    """Whether a command says so or a script."""
    with RedisServer(lines=[f"replicaof 127.0.0.1 {redis_server.port}"]) as replica:
        for command in ("SET x 1", "EVAL return(redis.call('SET',KEYS[1],'1')) 1 x"):
            assert "is a replica and can't be written" in str(_failure(_link(replica.url), *command.split()))


def test_whatever_else_redis_says_is_passed_on(redis_server: RedisServer) -> None:
    """A line of it."""
    assert "refuses: " in str(_failure(_link(redis_server.url), "NOSUCHCOMMAND"))


def test_one_of_many_that_meet_a_failure_looks_again(redis_server: RedisServer) -> None:
    """Who comes late with the client that failed doesn't take the new one away."""
    link = _link(redis_server.url)
    failed = link.client()
    assert link.generation == 0
    link.find_again(failed)
    fresh = link.client()
    assert fresh is not failed
    link.find_again(failed)
    assert link.client() is fresh
    assert link.generation == 1
    link.find_again()
    assert link.client() is not fresh
    assert link.generation == 2
    link.close()


def test_a_client_that_failed_goes_with_its_last_user(redis_server: RedisServer) -> None:
    """Its connections are closed then, not when somebody looks again: others may be in the middle of a command."""
    link = _link(redis_server.url)
    client = link.client()
    number = client.client_id()
    link.find_again()
    assert client.client_id() == number
    del client
    until(lambda: not redis_server.ask("CLIENT", "LIST", "ID", number), what="its connection is closed")


def test_many_threads_share_a_link(redis_server: RedisServer, redis_prefix: str) -> None:
    """More of them than there are connections, while others look again."""
    link = _link(redis_server.url, redis_prefix=redis_prefix)

    def work(number: int) -> int:
        if number % 20 == 0:
            link.find_again()
        return int(link.client().incr(link.keys.of("count")))

    with ThreadPoolExecutor(32) as pool:
        assert sorted(pool.map(work, range(400))) == list(range(1, 401))
    link.close()


def test_a_follower_may_wait_longer_than_a_call_takes(redis_server: RedisServer, redis_prefix: str) -> None:
    """It has a connection of its own, whose answers may take as long as it waits and a call beside."""
    link = _link(redis_server.url, redis_prefix=redis_prefix)
    stream = link.keys.of("feed")
    with closing(link.follower(waits_s=0.2)) as follower:
        assert follower.xread({stream: "0"}, block=200) == []
        link.client().xadd(stream, {b"k": b"events"}, id="1-1")
        answer: Any = follower.xread({stream: "0"}, block=200)
        assert answer == [[stream.encode(), [(b"1-1", {b"k": b"events"})]]]
        redis_server.freeze()
        try:
            with pytest.raises(TimeoutError):
                follower.xread({stream: "1-1"}, block=200)
        finally:
            redis_server.thaw()
    link.close()


def test_without_an_address_there_is_no_link() -> None:
    """The setting says which engine it is."""
    with pytest.raises(StartError, match="redis_url isn't set"):
        Link.of(Settings())
