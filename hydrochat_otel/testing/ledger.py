"""The emulator's ledger: what it billed, one line for each HTTP request.

It shares no code with the package's accounting: tokens come from the declared usage of the reply, and the rates are
written out by hand, so that agreement of the two is meaningful.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import Final, Literal

from hydrochat_otel.testing.consumption import NOTHING, Buckets, Consumption, rate_for

Outcome = Literal["ok", "error", "blocked", "cancelled"]
Kind = Literal["generate", "embed", "count", "other", "result"]

CALL_KINDS: Final[frozenset[Kind]] = frozenset({"generate", "embed"})
"""Requests that are calls of a model."""
BILLED_KINDS: Final = CALL_KINDS | {"result"}
"""Requests whose reply states usage: calls, and results of work that continues after its request."""
RETRIED_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which google-genai sends the same request again, if it was given retry options."""

_FIRST_ERROR_STATUS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One HTTP request on the wire.

    `status` is 0 if the connection broke before an answer and 499 if the caller left before it. `cost_usd` is 0 for a
    request that is not billed and None for a billed one without a known price. `saved_usd` is what its cached input
    costs less than fresh input. `lost_usd` is the cost of the input of a request whose answer was lost: a service that
    works on it may charge that, and this ledger does not. `charged_usd` is charged by the unit, in addition to the
    tokens. `call` is equal for the attempts of one call of the client, if the caller marked them; else unique.
    """

    number: int
    api: Literal["gemini", "vertex"]
    kind: Kind
    method: str
    model_requested: str
    model_answered: str
    call: str
    status: int
    outcome: Outcome
    billed: bool = False
    used: Consumption = NOTHING
    cost_usd: Decimal | None = Decimal(0)
    charged_usd: Decimal = Decimal(0)
    saved_usd: Decimal = Decimal(0)
    lost_usd: Decimal = Decimal(0)

    @property
    def tokens(self) -> Buckets:
        """Billed tokens."""
        return self.used.buckets

    @property
    def reconciled(self) -> bool:
        """Whether an answer stated a total that is the sum of the buckets; a blocked prompt may state nothing."""
        is_nothing = self.outcome == "blocked" and not self.tokens.total
        return self.billed and (is_nothing or self.used.reported_total == self.tokens.total)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the client: its attempts in order, the last of which decides."""

    attempts: tuple[LedgerLine, ...]

    @property
    def last(self) -> LedgerLine:
        """The attempt that ended the call."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCounts:
    """Calls by outcome."""

    ok: int = 0
    error: int = 0
    blocked: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """All calls."""
        return self.ok + self.error + self.blocked + self.cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of the ledger. Two runs of the same work have equal totals.

    `calls` counts generating and embedding calls, each once however often it was retried; `calls_by_kind` has the
    others as well. `unreconciled_calls` are those of `calls` that ended ok, blocked or cancelled without usage that
    balances.
    """

    requests: int
    requests_by_status: Mapping[int, int]
    retries: int
    calls: CallCounts
    calls_by_kind: Mapping[Kind, CallCounts]
    unreconciled_calls: int
    tokens: Buckets
    tokens_by_model: Mapping[str, Buckets]
    tokens_by_requested_model: Mapping[str, Buckets]
    cost_usd: Decimal
    cost_by_model: Mapping[str, Decimal]
    unpriced_tokens: Mapping[str, int]
    charged_usd: Decimal = Decimal(0)
    saved_usd: Decimal = Decimal(0)


class Ledger:
    """The lines so far. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[LedgerLine] = []

    @property
    def lines(self) -> tuple[LedgerLine, ...]:
        """The lines in the order in which the requests were answered."""
        with self._lock:
            return tuple(self._lines)

    def open(
        self,
        *,
        api: Literal["gemini", "vertex"],
        kind: Kind,
        method: str,
        model_requested: str,
        model_answered: str,
        call: str,
        status: int,
        outcome: Outcome,
    ) -> int:
        """Start a line and return its number."""
        with self._lock:
            number = len(self._lines)
            line = LedgerLine(
                number=number,
                api=api,
                kind=kind,
                method=method,
                model_requested=model_requested,
                model_answered=model_answered,
                call=call or f"#{number}",
                status=status,
                outcome=outcome,
            )
            self._lines.append(line)
            return number

    def charge(self, number: int, usd: Decimal) -> None:
        """Charge dollars to a line, in addition to its tokens."""
        with self._lock:
            self._lines[number] = replace(self._lines[number], charged_usd=usd)

    def bill(self, number: int, *replies: Consumption) -> None:
        """Bill a line for everything it has used so far; a later bill for the same line replaces the earlier one.

        Args:
            number: Of the line.
            replies: What each reply of a model used, each priced separately; a batch has several.
        """
        with self._lock:
            line = self._lines[number]
            if line.kind not in BILLED_KINDS or line.status >= _FIRST_ERROR_STATUS:
                return
            rate = rate_for(line.model_answered, replies[0].tier) if replies else None
            cost_usd = None if rate is None else sum((rate.cost_usd(used) for used in replies), Decimal(0))
            saved_usd = Decimal(0) if rate is None else sum((rate.saved_usd(used) for used in replies), Decimal(0))
            self._lines[number] = replace(line, billed=True, used=_sum(replies), cost_usd=cost_usd, saved_usd=saved_usd)

    def lose(self, number: int, would_have_used: Consumption) -> None:
        """Note the cost of the input of a request whose answer was lost."""
        with self._lock:
            line = self._lines[number]
            if line.kind in CALL_KINDS and (rate := rate_for(line.model_answered, would_have_used.tier)) is not None:
                buckets = replace(would_have_used.buckets, output_answer=0, output_thinking=0)
                lost_usd = rate.cost_usd(replace(would_have_used, buckets=buckets))
                self._lines[number] = replace(line, lost_usd=lost_usd)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Set the outcome of a request."""
        with self._lock:
            self._lines[number] = replace(self._lines[number], outcome=outcome)

    def clear(self) -> None:
        """Remove all lines. Call it only while no request is in progress."""
        with self._lock:
            self._lines.clear()

    def calls(self) -> tuple[Call, ...]:
        """The lines grouped into calls of the client, in the order in which the calls ended.

        A failed attempt belongs to the next request with the same `call` if the client retries such a status.
        """
        calls: list[Call] = []
        by_call = sorted(self.lines, key=lambda line: (line.call, line.number))
        for _, lines in groupby(by_call, key=lambda line: line.call):
            attempts: list[LedgerLine] = []
            for line in lines:
                attempts.append(line)
                if line.status not in RETRIED_STATUSES:
                    calls.append(Call(tuple(attempts)))
                    attempts = []
            if attempts:
                calls.append(Call(tuple(attempts)))
        return tuple(sorted(calls, key=lambda call: call.last.number))

    def totals(self) -> Totals:
        """Return the sums over all lines."""
        calls = self.calls()
        lines = [line for call in calls for line in call.attempts]
        billed_calls = [call.last for call in calls if call.last.kind in CALL_KINDS]
        priced = [(line.model_answered, line.cost_usd) for line in lines if line.billed and line.cost_usd is not None]
        cost_by_model: dict[str, Decimal] = {}
        for model, cost_usd in sorted(priced):
            cost_by_model[model] = cost_by_model.get(model, Decimal(0)) + cost_usd
        unpriced: Counter[str] = Counter()
        for line in lines:
            if line.cost_usd is None:
                unpriced[line.model_answered] += line.tokens.total
        return Totals(
            requests=len(lines),
            requests_by_status=dict(Counter(line.status for line in lines)),
            retries=sum(len(call.attempts) - 1 for call in calls),
            calls=_count(billed_calls),
            calls_by_kind={
                kind: _count(call.last for call in calls if call.last.kind == kind)
                for kind in ("generate", "embed", "count", "other", "result")
            },
            unreconciled_calls=sum(1 for line in billed_calls if line.outcome != "error" and not line.reconciled),
            tokens=sum((line.tokens for line in lines), Buckets()),
            tokens_by_model=_tokens_by((line.model_answered, line.tokens) for line in lines if line.billed),
            tokens_by_requested_model=_tokens_by((line.model_requested, line.tokens) for line in lines if line.billed),
            cost_usd=sum(cost_by_model.values(), Decimal(0)) + sum((line.charged_usd for line in lines), Decimal(0)),
            charged_usd=sum((line.charged_usd for line in lines), Decimal(0)),
            saved_usd=sum((line.saved_usd for line in lines), Decimal(0)),
            cost_by_model=cost_by_model,
            unpriced_tokens=dict(unpriced),
        )


def _sum(replies: Sequence[Consumption]) -> Consumption:
    if len(replies) == 1:
        return replies[0]
    totals = [used.reported_total for used in replies]
    return Consumption(
        buckets=sum((used.buckets for used in replies), Buckets()),
        fresh_audio=sum(used.fresh_audio for used in replies),
        cached_audio=sum(used.cached_audio for used in replies),
        reported_total=None if None in totals else sum(total or 0 for total in totals),
    )


def _count(ends: Iterable[LedgerLine]) -> CallCounts:
    counts = Counter(line.outcome for line in ends)
    return CallCounts(ok=counts["ok"], error=counts["error"], blocked=counts["blocked"], cancelled=counts["cancelled"])


def _tokens_by(pairs: Iterable[tuple[str, Buckets]]) -> dict[str, Buckets]:
    sums: dict[str, Buckets] = {}
    for name, tokens in pairs:
        sums[name] = sums.get(name, Buckets()) + tokens
    return sums
