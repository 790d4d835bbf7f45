"""The judge of a soak: an honest follower is let go, and each kind of breach is caught."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.bench.faults import FaultKind
from realtime.bench.recovery_journal import (
    Applied,
    Claimed,
    Confirmed,
    Heard,
    Installed,
    Line,
    Lost,
    Promised,
    Refused,
    Started,
    encode_line,
    read_journal,
)
from realtime.bench.recovery_judge import Evidence, StoredEvent, Struck, Verdict, judge

ORDERS = "collection:orders"


def applied(offset: int, *, t: float | None = None, channel: str = ORDERS, is_replay: bool = False) -> Applied:
    """Write that an event was applied; event n at second n."""
    return Applied(float(offset) if t is None else t, channel, "E", offset, "/p", f"{channel}-{offset}", is_replay)


def stored(offset: int, *, channel: str = ORDERS, is_critical: bool = False) -> StoredEvent:
    """Say that the gateway answered for an event; event n a tenth before second n."""
    return StoredEvent(channel, "E", offset, offset - 0.1, is_critical, "/p", f"{channel}-{offset}")


def claimed(t: float, state: str) -> Claimed:
    """Write what the client says of itself, from now on."""
    return Claimed(t, state, t)


JOURNAL: list[Line] = [
    Started(0.0),
    claimed(0.1, "connecting"),
    claimed(0.2, "syncing"),
    Installed(0.3, ORDERS, "E", 0),
    Installed(0.3, "system", "E", 0),
    claimed(0.4, "connected"),
    *(applied(n) for n in range(1, 6)),
    claimed(5.2, "reconnecting"),
    claimed(8.5, "syncing"),
    *(applied(n, t=8.6) for n in range(6, 9)),
    Heard(8.65, "/p", f"{ORDERS}-7"),
    applied(1, t=8.7, channel="system"),
    Heard(8.75, "/p", "system-1"),
    claimed(8.8, "connected"),
    applied(9),
    Promised(9.1, "emit-1"),
    applied(10),
    Confirmed(10.1, "emit-1", ORDERS, 10),
]
HONEST = Evidence(
    journal=JOURNAL,
    stored=[*(stored(n, is_critical=n == 7) for n in range(1, 11)), stored(1, channel="system", is_critical=True)],
    faults=[Struck(FaultKind.REFUSE, 5.15, 8.0)],
    documents={"orders": {"a": {"id": "a", "n": 1}}},
    tops={ORDERS: 10, "system": 1},
    held={"orders": {"a": {"id": "a", "n": 1}}},
    held_tops={ORDERS: 10, "system": 1},
    history=[*(("/p", f"{ORDERS}-{n}") for n in range(1, 10)), ("/p", "system-1"), ("/f", "emit-1")],
)


def journal(*, without: Line | None = None, after: Line | None = None, plus: tuple[Line, ...] = ()) -> Evidence:
    """Return the honest evidence with a line left out, or others put in behind one."""
    lines: list[Line] = []
    for line in JOURNAL:
        if line is not without:
            lines.append(line)
        if line is after:
            lines += plus
    return replace(HONEST, journal=lines if after is not None or not plus else [*lines, *plus])


def broken(evidence: Evidence) -> set[str]:
    """Return the promises that weren't kept."""
    return {breach.promise for breach in judge(evidence).breaches}


def line_of(offset: int) -> Line:
    """Return the journal's own line for an event of the orders."""
    return next(one for one in JOURNAL if isinstance(one, Applied) and (one.channel, one.offset) == (ORDERS, offset))


def test_an_honest_follower_is_let_go() -> None:
    """All figures are those of the journal; recovery is timed from the fault's end."""
    verdict = judge(HONEST)
    assert verdict.breaches == ()
    assert verdict.is_kept
    assert (verdict.events, verdict.applied, verdict.criticals, verdict.criticals_applied) == (11, 11, 2, 2)
    assert verdict.criticals_heard == 2
    assert (verdict.claims, verdict.resyncs, verdict.emits, verdict.emits_stored) == (2, 0, 1, 1)
    assert verdict.recoveries[0].took_s == pytest.approx(1.0), "event 9 is the first after the fault's end"


@given(lost=st.integers(1, 9))
def test_a_hole_is_a_gap_wherever_it_is(lost: int) -> None:
    """One event that was never applied is found."""
    assert "gaps 0" in broken(journal(without=line_of(lost)))


def test_a_hole_at_the_end_is_a_store_that_isnt_equal() -> None:
    """No later event shows it, but the positions do."""
    evidence = replace(journal(without=line_of(10)), held_tops={ORDERS: 9, "system": 1})
    assert broken(evidence) == {"store equals the gateway", "gaps 0"}


@given(again=st.integers(1, 10), later=st.integers(0, 3))
def test_a_repeat_is_caught(again: int, later: int) -> None:
    """Right behind itself, or after others."""
    after = line_of(min(again + later, 10))
    assert "duplicates applied 0" in broken(journal(after=after, plus=(line_of(again),)))


def test_an_event_below_the_position_is_disorder() -> None:
    """Unless it is a critical one that is delivered again because a snapshot had jumped over it."""
    plain = (Started(11.0), Installed(11.1, ORDERS, "E", 10), applied(4, t=11.2))
    assert broken(journal(plus=plain)) == {"order kept"}
    critical = (Started(11.0), Installed(11.1, ORDERS, "E", 10), applied(7, t=11.2))
    verdict = judge(journal(plus=critical))
    assert verdict.is_kept
    assert verdict.redelivered == 1


def test_a_snapshot_may_not_go_back_nor_jump_unseen() -> None:
    """Replayed history covers what it jumps over; silence doesn't."""
    assert broken(journal(after=line_of(5), plus=(Installed(5.1, ORDERS, "E", 3),))) >= {"order kept"}
    cut = [line for line in JOURNAL if line not in [line_of(n) for n in (6, 7, 8)]]
    index = cut.index(line_of(5)) + 1
    jump = [*cut[:index], Installed(5.1, ORDERS, "E", 8), *cut[index:]]
    assert "gaps 0" in broken(replace(HONEST, journal=jump))
    history = [applied(n, t=5.05, is_replay=True) for n in (6, 7, 8)]
    verdict = judge(replace(HONEST, journal=[*jump[:index], *history, *jump[index:]]))
    assert verdict.is_kept
    assert verdict.resyncs == 1


def test_a_critical_that_was_never_applied_is_named() -> None:
    """Even where everything else is as it should be: here a snapshot of a new process contains it."""
    lines = [line for line in JOURNAL if not (isinstance(line, Applied) and line.channel == "system")]
    index = lines.index(next(line for line in lines if isinstance(line, Claimed) and line.t == 8.8))
    lines = [
        *lines[:index],
        Started(8.7),
        Installed(8.7, ORDERS, "E", 8),
        Installed(8.7, "system", "E", 1),
        *lines[index:],
    ]
    breaches = {breach.promise: breach.words for breach in judge(replace(HONEST, journal=lines)).breaches}
    assert breaches == {
        "criticals 100 %": "system 1 was never applied",
        "gaps 0": "system 1 was never shown",
    }


def test_a_critical_that_no_handler_heard_of_is_named() -> None:
    """To be shown isn't enough, for who acts on it; to be told twice in one run is too much."""
    heard = next(line for line in JOURNAL if isinstance(line, Heard))
    [breach] = judge(journal(without=heard)).breaches
    assert (breach.promise, breach.words) == ("criticals 100 %", f"no handler heard of /p {ORDERS}-7")
    assert broken(journal(after=heard, plus=(heard,))) == {"duplicates applied 0"}
    assert broken(journal(plus=(Started(11.0), heard))) == set(), "a run that ended before its ack hears it again"


def test_what_no_run_ever_showed_is_a_gap() -> None:
    """A restart may not hide what happened while nobody ran: it belongs into the feed."""
    lines = [line for line in JOURNAL if line not in [line_of(n) for n in (6, 8)]]
    index = lines.index(line_of(7))
    hidden = [*lines[:index], Started(8.55), Installed(8.55, ORDERS, "E", 6), *lines[index:]]
    index = hidden.index(next(line for line in hidden if isinstance(line, Claimed) and line.t == 8.8))
    hidden = [
        *hidden[:index],
        Started(8.7),
        Installed(8.7, ORDERS, "E", 8),
        Installed(8.7, "system", "E", 1),
        *hidden[index:],
    ]
    [breach] = judge(replace(HONEST, journal=hidden)).breaches
    assert breach.promise == "gaps 0"
    assert f"{ORDERS} 6 was never shown" in breach.words


def test_to_claim_sync_too_early_is_a_lie() -> None:
    """What had been stored before the client began to get in sync has to be there when it says so."""
    early = journal(after=JOURNAL[JOURNAL.index(line_of(6))], plus=(claimed(8.65, "connected"),))
    verdict = judge(early)
    assert verdict.false_claims == 1
    assert "without system 1 (at 0)" in verdict.breaches[0].words


def test_a_channel_that_was_forgotten_makes_the_claim_a_lie() -> None:
    """A collection that came into being while nobody listened isn't known by its absence."""
    evidence = replace(HONEST, stored=[*HONEST.stored, StoredEvent("collection:new", "N", 1, 6.0)])
    assert "false claims 0" in broken(evidence)


def test_a_claim_of_loss_is_a_lie_where_nothing_is_lost() -> None:
    """Crying wolf is a false claim, too."""
    [breach] = judge(journal(after=line_of(5), plus=(Lost(5.1, ORDERS, 3, 4),))).breaches
    assert breach.promise == "false claims 0"
    assert breach.words.startswith(f"{ORDERS} 3 was said to be lost, but shown; ")


def test_what_is_lost_has_to_be_told() -> None:
    """A snapshot that jumps over events is no breach where the client says which; silence about one of them is."""
    cut = [line for line in JOURNAL if line not in [line_of(n) for n in (6, 8)]]
    index = cut.index(line_of(7))
    jump = [*cut[:index], Installed(8.6, ORDERS, "E", 8), Lost(8.61, ORDERS, 6, 8), *cut[index:]]
    verdict = judge(replace(HONEST, journal=jump))
    assert verdict.is_kept, "7 is critical: lost by the stream, but delivered again"
    assert (verdict.lost, verdict.redelivered, verdict.resyncs) == (3, 1, 1)
    jump = [*cut[:index], Installed(8.6, ORDERS, "E", 8), Lost(8.61, ORDERS, 8, 8), *cut[index:]]
    [breach] = judge(replace(HONEST, journal=jump)).breaches
    assert (breach.promise, breach.words) == ("gaps 0", f"{ORDERS} 6 was never shown")


def test_recovery_that_never_comes_or_comes_late_is_a_breach() -> None:
    """Late by the p95; never by being named."""
    assert broken(replace(HONEST, faults=[Struck(FaultKind.CUT, 1.0, 3.5)])) == {"recovery"}
    assert broken(replace(HONEST, faults=[Struck(FaultKind.CUT, 9.0, 11.0)])) == set(), "in sync to the end"
    silent = [line for line in JOURNAL if not (isinstance(line, Claimed) and line.t == 8.8)]
    [breach] = judge(replace(HONEST, journal=silent)).breaches
    assert breach.words == "never after refuse"


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"orders": {}}, "orders/a is missing"),
        ({}, "orders/a is missing"),
        ({"orders": {"a": {"id": "a", "n": 2}}}, "orders/a is another"),
        ({"orders": {"a": {"id": "a", "n": 1}}, "old": {"b": {"id": "b"}}}, "old/b should be gone"),
    ],
)
def test_a_store_that_isnt_the_gateways_is_described(held: dict[str, dict[str, dict[str, object]]], words: str) -> None:
    """Missing, another, or too much."""
    [breach] = judge(replace(HONEST, held=held)).breaches
    assert (breach.promise, breach.words) == ("store equals the gateway", words)


def test_emits_are_stored_once() -> None:
    """A promised one that isn't there, one that is there twice, and one that was refused."""
    gone = replace(HONEST, history=HONEST.history[:-1])
    assert broken(gone) == {"emits stored once"}
    assert broken(replace(HONEST, history=[*HONEST.history, HONEST.history[-1]])) == {"duplicates applied 0"}
    assert broken(journal(plus=(Refused(11.0, "emit-2", "no"),))) == {"emits stored once"}


def test_many_flaws_are_counted_and_the_first_ones_shown() -> None:
    """A breach stays readable."""
    verdict = judge(replace(HONEST, held={"orders": {f"x{n}": {} for n in range(9)}, "more": {}}))
    assert verdict.unequal == 10
    assert verdict.breaches[0].words.endswith("… and 7 more")


class Honest:
    """A follower that does everything right, whatever happens to it; and a gateway that it follows."""

    def __init__(self) -> None:
        self.t = 0.0
        self.lines: list[Line] = []
        self.stored: list[StoredEvent] = []
        self.at: int | None = None
        self.is_connected = False

    def step(self, what: str) -> None:
        """Do one thing at the next second."""
        self.t += 1
        top = len(self.stored)
        if what == "post":
            self.stored.append(StoredEvent(ORDERS, "E", top + 1, self.t, top % 5 == 0, "/p", f"{top + 1}"))
            if self.is_connected:
                self._apply()
        elif what == "lose" and self.is_connected:
            self.is_connected = False
            self.lines.append(claimed(self.t, "reconnecting"))
        elif what == "restart":
            self.is_connected, self.at = False, None
            self.lines += [Started(self.t), claimed(self.t, "connecting")]
        elif what == "sync" and not self.is_connected:
            self._sync(top)

    def _sync(self, top: int) -> None:
        self.lines.append(claimed(self.t, "syncing"))
        if self.at is None:
            self.lines += [applied(n, t=self.t, is_replay=True) for n in range(1, top + 1)]
            self.lines.append(Installed(self.t, ORDERS, "E", top))
            self.at = top
            self.lines += [Heard(self.t, "/p", event.id) for event in self.stored if event.is_critical]
        self._apply()
        self.is_connected = True
        self.lines.append(claimed(self.t, "connected"))

    def _apply(self) -> None:
        assert self.at is not None
        for event in self.stored[self.at :]:
            self.lines.append(applied(event.offset, t=self.t))
            if event.is_critical:
                self.lines.append(Heard(self.t, "/p", event.id))
        self.at = len(self.stored)

    def verdict(self) -> Verdict:
        """Have it judged at the end."""
        tops = {ORDERS: len(self.stored)}
        return judge(
            Evidence(
                journal=self.lines, stored=self.stored, faults=[], documents={}, tops=tops, held={}, held_tops=tops,
                history=[],
            )
        )  # fmt: skip


@given(steps=st.lists(st.sampled_from(["post", "post", "post", "lose", "sync", "restart"]), max_size=60))
def test_no_honest_follower_is_ever_accused(steps: list[str]) -> None:
    """Whatever is lost, resumed and begun anew."""
    honest = Honest()
    for step in ["restart", "sync", *steps, "sync"]:
        honest.step(step)
    assert honest.verdict().breaches == ()


@given(
    steps=st.lists(st.sampled_from(["post", "post", "lose", "sync", "restart"]), min_size=8, max_size=40),
    choice=st.integers(0, 10_000),
)
def test_one_line_less_never_goes_unnoticed(steps: list[str], choice: int) -> None:
    """An event that wasn't applied live is a gap, a lie or a missed critical; at the very end the positions tell."""
    honest = Honest()
    for step in ["restart", "sync", "post", *steps, "lose", "sync", "post"]:
        honest.step(step)
    live = [line for line in honest.lines if isinstance(line, Applied) and not line.is_replay]
    last_start = max(index for index, line in enumerate(honest.lines) if isinstance(line, Started))
    victims = [line for line in live[:-1] if honest.lines.index(line) > last_start]
    if not victims:
        return
    honest.lines.remove(victims[choice % len(victims)])
    assert honest.verdict().breaches


def test_a_journal_is_read_back_as_written() -> None:
    """Each kind of line; one that was cut off by a kill is left out."""
    lines: list[Line] = [*JOURNAL, Refused(1.0, "x", "why")]
    content = b"".join(map(encode_line, lines))
    assert read_journal(content) == lines
    assert read_journal(content[:-5]) == lines[:-1]
    assert read_journal(b"") == []
