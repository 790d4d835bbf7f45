"""Claims about finding the server that holds our keys, against real Sentinels and a real Cluster that lose theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis.exceptions import RedisError

from realtime.config import Settings
from realtime.gateway.nodes.dialing import ask
from realtime.gateway.nodes.link import Link
from realtime.redis_url import parse_redis_url
from tests.support.certificates import Certificates, make_certificates
from tests.support.redis_groups import MASTER, Cluster, Sentinels
from tests.support.redis_server import RedisServer, documented_sentinel_rights, documented_user
from tests.support.waiting import until


@pytest.fixture(scope="module")
def sentinels() -> Iterator[Sentinels]:
    """Run a master, a replica and three Sentinels that nothing happens to."""
    with Sentinels() as group:
        yield group


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run three nodes that nothing happens to."""
    with Cluster() as group:
        yield group


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make an authority and what it signs."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def _link(url: str, prefix: str = "tideboard") -> Link:
    return Link.of(replace(Settings(redis_url=url), redis_prefix=prefix))


def _encrypted(url: str, certificates: Certificates) -> Link:
    return Link.of(
        Settings(
            redis_url=url,
            redis_ca_file=certificates.authority,
            redis_cert_file=certificates.client,
            redis_key_file=certificates.client_key,
        )
    )


def _refusal(link: Link) -> str:
    with pytest.raises(RedisError) as caught:
        link.client().set(link.keys.of("here"), b"1")
    return str(link.words(caught.value))


def _writes(link: Link) -> bool:
    """Write once; after a failure forget where, as who uses a link does."""
    try:
        return bool(link.client().set(link.keys.of("here"), b"1"))
    except RedisError:
        link.find_again()
        return False


def test_sentinels_lead_to_the_master(sentinels: Sentinels) -> None:
    """Also when the first of them are gone."""
    gone = "127.0.0.1:1,127.0.0.1:2,"
    link = _link(sentinels.url.replace("://", f"://{gone}"))
    assert _writes(link)
    assert link.where == sentinels.master.address
    link.close()


def test_sentinels_that_know_no_such_master_are_told_of(sentinels: Sentinels) -> None:
    """With what to do."""
    refusal = _refusal(_link(sentinels.url.replace(f"/{MASTER}", "/other")))
    assert refusal.startswith("No Sentinel leads to the master 'other' (")
    assert "knows no master 'other': correct redis_url" in refusal


def test_a_sentinels_own_login_is_used(sentinels: Sentinels) -> None:
    """With the documented rights; who brings a wrong password hears so, without it."""
    for sentinel in sentinels.sentinels:
        sentinel.ask("ACL", "SETUSER", "sam", "on", ">hidden-word", *documented_sentinel_rights())
    login = "?sentinel_username=sam&sentinel_password=hidden-word"
    link = _link(sentinels.url + login)
    assert _writes(link)
    link.close()
    refusal = _refusal(_link(sentinels.url + login + "x"))
    assert "refuses our login" in refusal
    assert "hidden-word" not in refusal


def test_sentinels_are_asked_by_tls_and_the_master_is_reached_by_tls_and_login(certificates: Certificates) -> None:
    """With one authority for all of them, and the login for the master alone."""
    with Sentinels(certificates=certificates) as group:
        group.master.ask("ACL", "SETUSER", "ann", "on", ">hidden-word", "~*", "+@all")
        link = _encrypted(group.url.replace("://", "://ann:hidden-word@"), certificates)
        assert _writes(link)
        assert ask(link.client(), "ACL", "WHOAMI") == b"ann"
        link.close()
        assert "isn't trusted" in _refusal(_link(group.url))


def test_after_a_failover_sentinels_lead_to_the_new_master() -> None:
    """Until they agree, nobody is taken for the master; the old one, back, is no way to write."""
    with Sentinels() as group:
        link = _link(group.url)
        assert _writes(link)
        group.master.kill()
        assert "can't be reached" in _refusal(link)
        until(lambda: _writes(link), what="the replica is the master")
        assert link.where == group.replica.address
        link.close()


def test_the_newest_word_of_sentinels_counts() -> None:
    """One that hasn't heard of a failover names the old master, which takes itself for one when it is back."""
    with Sentinels() as group, RedisServer() as old:
        watching = [f"sentinel monitor {MASTER} 127.0.0.1 {old.port} 1"]
        with RedisServer(lines=watching, is_sentinel=True) as late:
            group.master.kill()
            until(lambda: any(_names(each, group.replica) for each in group.sentinels), what="one names the replica")
            link = _link(group.url.replace("://", f"://{late.address},"))
            assert _writes(link)
            assert link.where == group.replica.address
            assert _names(late, old)
            link.close()


def _names(sentinel: RedisServer, server: RedisServer) -> bool:
    return int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1]) == server.port


def test_a_master_that_sentinels_have_given_up_is_left_though_it_answers() -> None:
    """As one that is cut off from them but not from us: what it takes will be lost."""
    with Sentinels() as group:
        link = _link(group.url)
        assert _writes(link)
        client = link.client()
        group.replica.ask("REPLICAOF", "NO", "ONE")
        for sentinel in group.sentinels:
            sentinel.ask("SENTINEL", "REMOVE", MASTER)
            sentinel.ask("SENTINEL", "MONITOR", MASTER, "127.0.0.1", group.replica.port, 2)
        until(lambda: _writes(link) and link.where == group.replica.address, what="it has moved")
        assert client.set("here", b"1") is True, "the old one still answers"
        link.close()


def test_a_cluster_leads_to_the_owner_of_our_slot(cluster: Cluster) -> None:
    """Whichever node is asked, and whichever slot it is; keys of one prefix are in one."""
    prefixes = ("a", "b", "c", "d", "e")
    owners = set()
    for prefix in prefixes:
        for node in cluster.nodes:
            link = _link(f"redis+cluster://{node.address}", prefix)
            assert _writes(link)
            assert link.client().mset({link.keys.of("s", "one"): 1, link.keys.of("tops"): 2}) is True
            assert link.where == cluster.owner(link.keys.slot).address
            owners.add(link.where)
            link.close()
    assert len(owners) == len(cluster.nodes), "the prefixes have to be in different nodes"


def test_a_cluster_is_reached_by_tls_and_the_documented_login(certificates: Certificates) -> None:
    """The node that is asked and the owner alike, with no more rights than the documents give."""
    with Cluster(certificates=certificates) as group:
        for node in group.nodes:
            node.ask("ACL", "SETUSER", *documented_user().split()[1:])
        link = _encrypted(group.url.replace("://", "://tideboard:password@"), certificates)
        assert _writes(link)
        assert link.where == group.owner(link.keys.slot).address
        link.close()


def test_nodes_that_are_gone_are_asked_in_vain(cluster: Cluster) -> None:
    """One that answers is enough; none is a sentence with all reasons."""
    link = _link(f"redis+cluster://127.0.0.1:1,{cluster.nodes[2].address}")
    assert _writes(link)
    link.close()
    refusal = _refusal(_link("redis+cluster://127.0.0.1:1,127.0.0.1:2"))
    assert refusal.startswith("No node of the Redis Cluster leads to slot ")
    assert "127.0.0.1:1 can't be reached" in refusal
    assert "127.0.0.1:2 can't be reached" in refusal


def test_another_node_of_a_cluster_says_that_it_isnt_the_one(cluster: Cluster) -> None:
    """Who gave its plain address hears so."""
    link = _link(cluster.url)
    [other, *_] = [node for node in cluster.nodes if node is not cluster.owner(link.keys.slot)]
    assert "doesn't hold our keys" in _refusal(_link(other.url))


def test_no_cluster_is_said(sentinels: Sentinels) -> None:
    """A plain server answers that it is none."""
    assert "cluster support disabled" in _refusal(_link(f"redis+cluster://{sentinels.master.address}"))


def test_after_a_failover_a_cluster_leads_to_the_new_owner() -> None:
    """What the owner had acknowledged to its replica, too, is there."""
    with Cluster(replicas=3) as group:
        link = _link(group.url)
        assert _writes(link)
        assert link.client().wait(1, 5000) == 1
        owner = group.owner(link.keys.slot)
        owner.kill()
        until(lambda: _writes(link), what="a replica owns the slot")
        assert link.where in {replica.address for replica in group.replicas}
        assert link.client().get(link.keys.of("here")) == b"1"
        assert len(parse_redis_url(group.url).hosts) == 3, "the replica wasn't in the address"
        link.close()
