"""What the emulator billed: one line for each HTTP request, in books of its own.

Nothing here is shared with the package's accounting: tokens come from what the reply was declared to use, and the rates
are written out by hand, so that agreement of the two books proves something.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import Final, Literal

Outcome = Literal["ok", "error", "blocked", "cancelled"]
Kind = Literal["generate", "embed", "count", "other"]

BILLED_KINDS: Final[frozenset[Kind]] = frozenset({"generate", "embed"})
RETRIED_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which google-genai sends the same request again, if it was given retry options."""

TIER_FACTORS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {"standard": Decimal(1), "flex": Decimal("0.5"), "batch": Decimal("0.5"), "priority": Decimal("1.8")}
)
"""What a service tier costs of the standard price, as Google's price list says of its text models."""

_MILLION: Final = 1_000_000
_TIER_TOKENS: Final = 200_000
_FIRST_ERROR_STATUS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Tokens in five disjoint buckets."""

    input_fresh: int = 0
    input_cached: int = 0
    input_tool: int = 0
    output_answer: int = 0
    output_thinking: int = 0

    def __add__(self, other: "Buckets") -> "Buckets":
        return Buckets(
            input_fresh=self.input_fresh + other.input_fresh,
            input_cached=self.input_cached + other.input_cached,
            input_tool=self.input_tool + other.input_tool,
            output_answer=self.output_answer + other.output_answer,
            output_thinking=self.output_thinking + other.output_thinking,
        )

    @property
    def input(self) -> int:
        """Tokens billed as input."""
        return self.input_fresh + self.input_cached + self.input_tool

    @property
    def output(self) -> int:
        """Tokens billed as output."""
        return self.output_answer + self.output_thinking

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What one request used: tokens, how many of the input tokens were audio, and the total that the wire stated.

    `reported_total` is None if the reply had no usage record or the record had no total. `tier` is the service tier
    that served it, a key of :data:`TIER_FACTORS`.
    """

    buckets: Buckets = Buckets()
    fresh_audio: int = 0
    cached_audio: int = 0
    reported_total: int | None = None
    tier: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """US dollars for a million tokens; `above_200k` replaces the whole rate once the input exceeds 200 000 tokens."""

    input_usd: Decimal
    cached_usd: Decimal
    output_usd: Decimal
    audio_usd: Decimal | None = None
    cached_audio_usd: Decimal | None = None
    above_200k: "Rate | None" = None

    def cost_usd(self, used: Consumption) -> Decimal:
        """Dollars for one request, exact: thinking at the output rate, tool results at the input rate."""
        if self.above_200k is not None and used.buckets.input > _TIER_TOKENS:
            return self.above_200k.cost_usd(used)
        tokens = used.buckets
        audio_usd = self.input_usd if self.audio_usd is None else self.audio_usd
        cached_audio_usd = self.cached_usd if self.cached_audio_usd is None else self.cached_audio_usd
        return (
            (
                (tokens.input_fresh - used.fresh_audio + tokens.input_tool) * self.input_usd
                + used.fresh_audio * audio_usd
                + (tokens.input_cached - used.cached_audio) * self.cached_usd
                + used.cached_audio * cached_audio_usd
                + tokens.output * self.output_usd
            )
            * TIER_FACTORS[used.tier]
            / _MILLION
        )


def _rate(input_usd: str, cached_usd: str, output_usd: str, *audio: str, above_200k: Rate | None = None) -> Rate:
    audio_usd, cached_audio_usd = (Decimal(usd) for usd in audio) if audio else (None, None)
    return Rate(
        input_usd=Decimal(input_usd),
        cached_usd=Decimal(cached_usd),
        output_usd=Decimal(output_usd),
        audio_usd=audio_usd,
        cached_audio_usd=cached_audio_usd,
        above_200k=above_200k,
    )


# Source: https://ai.google.dev/gemini-api/docs/pricing, standard tier; a test holds each rate against genai-prices.
# gemini-2.0-flash-exp is the contract's own rate, and its cached input has none: cached costs what fresh costs.
RATES: Final[Mapping[str, Rate]] = MappingProxyType(
    {
        "gemini-2.0-flash-exp": _rate("0.10", "0.10", "0.30"),
        "gemini-2.0-flash": _rate("0.10", "0.025", "0.40", "0.70", "0.175"),
        "gemini-2.5-flash": _rate("0.30", "0.03", "2.50", "1.00", "0.10"),
        "gemini-2.5-flash-lite": _rate("0.10", "0.01", "0.40", "0.30", "0.03"),
        "gemini-2.5-pro": _rate("1.25", "0.125", "10", above_200k=_rate("2.50", "0.25", "15")),
        "gemini-embedding-001": _rate("0.15", "0.15", "0"),
    }
)


def rate_for(model: str) -> Rate | None:
    """The rate of a model by its bare id, a release suffix such as `-001` aside; None for a model without a price."""
    return RATES.get(model) or RATES.get(model.removesuffix("-001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One HTTP request on the wire.

    `status` is 0 where the connection died before an answer and 499 where the caller left before it. `cost_usd` is 0
    for what is not billed and None for what is billed but has no known price. `call` is equal for the attempts of one
    call of the client, where the caller marked them; else unique.
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
    used: Consumption = Consumption()
    cost_usd: Decimal | None = Decimal(0)

    @property
    def tokens(self) -> Buckets:
        """Billed tokens."""
        return self.used.buckets

    @property
    def reconciled(self) -> bool:
        """Whether an answer stated a total, and the total is the sum of the buckets."""
        return self.billed and self.used.reported_total == self.tokens.total


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
    """Calls by how they ended."""

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
    """The books summed up. Two runs of the same work have equal totals.

    `calls` counts generating and embedding calls, each once however often it was retried; `calls_by_kind` has the
    others as well. `unreconciled_calls` are those of `calls` that ended ok, blocked or cancelled without a usage record
    that balances.
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

    def bill(self, number: int, used: Consumption) -> None:
        """Bill a line for all it used so far; a later bill for the same line replaces the earlier one."""
        with self._lock:
            line = self._lines[number]
            if line.kind not in BILLED_KINDS or line.status >= _FIRST_ERROR_STATUS:
                return
            rate = rate_for(line.model_answered)
            cost_usd = None if rate is None else rate.cost_usd(used)
            self._lines[number] = replace(line, billed=True, used=used, cost_usd=cost_usd)

    def settle(self, number: int, outcome: Outcome) -> None:
        """State how a request ended."""
        with self._lock:
            self._lines[number] = replace(self._lines[number], outcome=outcome)

    def clear(self) -> None:
        """Forget all lines. Call it only while no request is being answered."""
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
        """The sums over all lines."""
        calls = self.calls()
        lines = [line for call in calls for line in call.attempts]
        billed_calls = [call.last for call in calls if call.last.kind in BILLED_KINDS]
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
                for kind in ("generate", "embed", "count", "other")
            },
            unreconciled_calls=sum(1 for line in billed_calls if line.outcome != "error" and not line.reconciled),
            tokens=sum((line.tokens for line in lines), Buckets()),
            tokens_by_model=_tokens_by((line.model_answered, line.tokens) for line in lines if line.billed),
            tokens_by_requested_model=_tokens_by((line.model_requested, line.tokens) for line in lines if line.billed),
            cost_usd=sum(cost_by_model.values(), Decimal(0)),
            cost_by_model=cost_by_model,
            unpriced_tokens=dict(unpriced),
        )


def _count(ends: Iterable[LedgerLine]) -> CallCounts:
    counts = Counter(line.outcome for line in ends)
    return CallCounts(ok=counts["ok"], error=counts["error"], blocked=counts["blocked"], cancelled=counts["cancelled"])


def _tokens_by(pairs: Iterable[tuple[str, Buckets]]) -> dict[str, Buckets]:
    sums: dict[str, Buckets] = {}
    for name, tokens in pairs:
        sums[name] = sums.get(name, Buckets()) + tokens
    return sums
