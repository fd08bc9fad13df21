"""Compares the service's totals with the answers that the clients got."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet_runs.load import Turn
from fleet_runs.totals import Totals
from hydrochat_otel.testing.consumption import rate_for
from hydrochat_otel.testing.replies import Usage

USAGE: Final = Usage(prompt=120, cached=20, answer=30, thinking=5)
MODEL: Final = "gemini-2.5-flash"
TOKENS: Final = 155
MEASUREMENTS_OF_A_CALL: Final = 2
"""Of the histogram of tokens: one of the input, one of the output."""
ENTRIES_OF_A_TURN: Final = 2
"""The operation and its call."""
MAX_ENTRIES: Final = 1000
SLACK_S: Final = 0.5
"""The most time beyond its interval between two publications of a worker: their own duration, on busy cores."""
NEWEST: Final = 400
"""Answered turns that must all be in the window, which holds 500 of them."""


def usd_of_a_call() -> float:
    rate = rate_for(MODEL)
    assert rate is not None
    return float(rate.cost_usd(USAGE.consumption()))


@dataclass(frozen=True)
class Kill:
    """A killed worker, and when, by the monotonic clock."""

    pid: int
    at_s: float


@dataclass(frozen=True)
class Bounds:
    """How many turns the totals may show.

    Attributes:
        answered: Turns that were answered.
        unanswered: Requests that were sent and not answered: each may have been counted or not.
        losable: Answered ones that a killed worker may not have published: those of its last publish interval.
    """

    answered: int
    unanswered: int
    losable: int

    @property
    def lowest(self) -> int:
        return self.answered - self.losable

    @property
    def highest(self) -> int:
        return self.answered + self.unanswered


@dataclass(frozen=True)
class Evidence:
    """Facts that do not come from the service.

    Attributes:
        turns: The clients' requests.
        clients: The number of clients.
        kills: Workers that were killed.
        publish_interval_s: Of the service.
        requests: How many reached the emulator.
        living: Workers that still run, if only they can restore a lost state; else None.
    """

    turns: Sequence[Turn]
    clients: int
    kills: Sequence[Kill]
    publish_interval_s: float
    requests: int
    living: frozenset[int] | None = None

    def bounds(self) -> Bounds:
        answered = sum(turn.answered for turn in self.turns)
        return Bounds(answered, len(self.turns) - answered, len(self.losable()))

    def losable(self) -> set[str]:
        """Return the answered turns that may be missing, by trace."""
        since_s = {kill.pid: kill.at_s - self.publish_interval_s - SLACK_S for kill in self.kills}
        return {turn.trace_id for turn in self.turns if turn.pid in since_s and turn.end_s >= since_s[turn.pid]}

    def lost_s(self, counted: int) -> float:
        """Return how long before the kill the oldest missing turn was answered, if only the newest are missing."""
        killed_at_s = {kill.pid: kill.at_s for kill in self.kills}
        ages_s = sorted(killed_at_s[turn.pid] - turn.end_s for turn in self.turns if turn.pid in killed_at_s)
        lost = self.bounds().answered - counted
        return max(0.0, ages_s[lost - 1]) if 0 < lost <= len(ages_s) else 0.0

    def entries(self) -> tuple[int, int]:
        """Return the least and the greatest number of entries."""
        may = self.bounds()
        sure = may.lowest
        if self.living is not None:
            sure = min(sure, sum(turn.pid in self.living for turn in self.turns))
        return min(MAX_ENTRIES, ENTRIES_OF_A_TURN * sure), min(MAX_ENTRIES, ENTRIES_OF_A_TURN * may.highest)


def faults_of_answers(turns: Sequence[Turn], disturbed: Sequence[tuple[float, float]]) -> list[str]:
    """Return errors that a client must never see: an error, a time-out, a lost connection without a replacement."""
    wrong = sorted({turn.status for turn in turns if turn.status not in {0, 200}})
    late = [turn for turn in turns if turn.failure == "TimeoutError"]
    lost = [
        turn
        for turn in turns
        if turn.status == 0 and not any(start_s <= turn.end_s <= end_s for start_s, end_s in disturbed)
    ]
    return [
        *([f"the application answered with {wrong}"] if wrong else []),
        *([f"{len(late)} requests timed out"] if late else []),
        *([f"{len(lost)} requests were lost while nothing happened ({lost[0].failure})"] if lost else []),
    ]


def faults_of_totals(totals: Totals, evidence: Evidence) -> list[str]:
    """Return faults of totals that are not those of the answered turns, each exactly once."""
    may = evidence.bounds()
    faults = []
    for name, counted in (("calls", totals.calls), ("operations", totals.operations)):
        if not may.lowest <= counted <= may.highest:
            faults.append(f"{counted:g} {name}, must be {may.lowest} to {may.highest} ({may})")
    if totals.calls > evidence.requests:
        faults.append(f"{totals.calls} calls, and the emulator got only {evidence.requests}")
    # A worker publishes the call and the operation around it at different times only if it is killed in between.
    apart = abs(totals.calls - totals.operations)
    if apart > (evidence.clients if may.losable else 0):
        faults.append(f"{totals.calls} calls and {totals.operations:g} operations")
    calls = totals.calls
    usd = calls * usd_of_a_call()
    expected = Totals(
        calls=calls,
        successful=calls,
        tokens=calls * TOKENS,
        cost_usd=totals.cost_usd,
        entries=totals.entries,
        llm_calls=calls,
        llm_tokens=calls * TOKENS,
        llm_cost=totals.llm_cost,
        operations=totals.operations,
        gemini_calls=calls,
        token_measurements=calls * MEASUREMENTS_OF_A_CALL,
        measured_tokens=calls * TOKENS,
        buckets=(totals.operations, calls, calls * MEASUREMENTS_OF_A_CALL),
    )
    if totals != expected:
        faults.append(f"the totals do not agree, found / expected: {totals.differences(expected)}")
    faults += [
        f"{shown!r} dollars, must be {usd!r}" for shown in (totals.cost_usd, totals.llm_cost) if abs(shown - usd) > 1e-8
    ]
    return faults


def faults_of_entries(entries: Sequence[Mapping[str, Any]], totals: Totals, evidence: Evidence) -> list[str]:
    """Return faults of a window, all pages of it, that is not the newest of all workers."""
    faults = []
    lowest, highest = evidence.entries()
    if not lowest <= totals.entries <= highest:
        faults.append(f"{totals.entries} entries are kept, must be {lowest} to {highest}")
    ids = [(entry["trace_id"], entry["span_id"]) for entry in entries]
    if len(ids) != totals.entries:
        faults.append(f"the pages list {len(ids)} entries, {totals.entries} are kept")
    if len(set(ids)) != len(ids):
        faults.append(f"{len(ids) - len(set(ids))} entries are listed twice")
    times = [entry["timestamp"] for entry in entries]
    if times != sorted(times, reverse=True):
        faults.append("the pages are not newest first")
    kept = Counter(trace_id for trace_id, _ in ids)
    answered = sorted((turn for turn in evidence.turns if turn.answered), key=lambda turn: turn.end_s)
    losable, living = evidence.losable(), evidence.living
    missing = [
        turn
        for turn in answered[-NEWEST:]
        if turn.trace_id not in losable
        and (living is None or turn.pid in living)
        and kept[turn.trace_id] != ENTRIES_OF_A_TURN
    ]
    if missing:
        faults.append(f"{len(missing)} of the newest {len(answered[-NEWEST:])} turns are not in the window")
    return faults


def workers_in(entries: Iterable[Mapping[str, Any]], turns: Iterable[Turn]) -> int:
    """Return how many workers the entries come from."""
    pids = {turn.trace_id: turn.pid for turn in turns if turn.answered}
    return len({pids[entry["trace_id"]] for entry in entries if entry["trace_id"] in pids})
