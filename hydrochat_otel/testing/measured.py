"""What was measured, for assertions: exact metrics, the window's entries, and the comparison with a ledger."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, get_args

from hydrochat_otel import semconv
from hydrochat_otel.pipeline.assembly import Pipeline
from hydrochat_otel.testing.consumption import Buckets
from hydrochat_otel.testing.ledger import CALL_KINDS, Ledger, Outcome
from hydrochat_otel.window.entry import Entry, Kind
from hydrochat_otel.window.snapshot import NumberPoint, Snapshot

_DOLLARS_AGREE_TO: Final = Decimal("1e-9")
"""Counters are floats; their sum and the ledger's exact one differ by rounding only."""


class Measured:
    """Reads a pipeline. Each method takes a snapshot of its own, with everything that was recorded before it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __repr__(self) -> str:
        return f"<Measured: {len(self.entries())} entries, {self.tokens.total} tokens, ${self.cost_usd}>"

    def snapshot(self) -> Snapshot:
        """Return metrics and window at this moment."""
        self._pipeline.force_flush()
        return self._pipeline.snapshot()

    def series(self, metric: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return each series of a metric: its attributes as pairs, and its value; for a histogram the count.

        Args:
            metric: OpenTelemetry name, such as ``hydrochat.llm.calls``.

        Raises:
            ValueError: No metric of ours has that name.
        """
        points = self.snapshot().points(_spec(metric))
        return {
            frozenset(point.attributes.items()): point.value if isinstance(point, NumberPoint) else sum(point.counts)
            for point in points
        }

    def value(self, metric: str, attributes: Mapping[str, str] | None = None) -> float:
        """Return the sum over the series that have these attributes; for a histogram the number of measurements.

        Raises:
            ValueError: No metric of ours has that name, or it has no such attribute.
        """
        wanted = dict(attributes or {})
        if foreign := sorted(wanted.keys() - set(_spec(metric).attributes)):
            raise ValueError(f"{metric} has no attribute {foreign[0]}; it has {', '.join(_spec(metric).attributes)}")
        return sum(value for pairs, value in self.series(metric).items() if wanted.items() <= dict(pairs).items())

    def entries(self, kind: Kind | None = None) -> tuple[Entry, ...]:
        """Return the window's entries, oldest first: all, or those of one kind (operation, gemini, span)."""
        return tuple(entry for entry in self.snapshot().entries if kind in {None, entry.kind})

    @property
    def tokens(self) -> Buckets:
        """Tokens of all calls, by bucket."""
        sums = self.snapshot().sums_by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET)
        return Buckets(**{bucket: int(value) for (bucket,), value in sums.items()})

    @property
    def cost_usd(self) -> float:
        """Dollars of all calls whose model has a price."""
        return self.snapshot().total(semconv.LLM_COST)

    def differences(self, ledger: Ledger) -> list[str]:
        """Return the differences between measurements and ledger, one line each; empty if the bill is right.

        Compares requests by outcome, tokens by bucket, dollars, unpriced tokens and unreconciled calls. A retry is one
        more request that failed; the wire does not show which call it belongs to.
        """
        billed, snapshot = ledger.totals(), self.snapshot()
        lines = Counter(line.outcome for line in ledger.lines if line.kind in CALL_KINDS)
        calls = {outcome: value for (outcome,), value in snapshot.sums_by(semconv.LLM_CALLS, semconv.OUTCOME).items()}
        calls["error"] = calls.get("error", 0) + snapshot.total(semconv.LLM_RETRIES)
        pairs: dict[str, tuple[float | Decimal, float | Decimal]] = {
            f"requests that ended {outcome}": (lines[outcome], calls.get(outcome, 0)) for outcome in get_args(Outcome)
        }
        buckets = snapshot.sums_by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET)
        pairs |= {
            f"tokens in {bucket}": (getattr(billed.tokens, bucket), buckets.get((bucket,), 0))
            for bucket in semconv.TOKEN_BUCKETS
        }
        pairs |= {
            "dollars": (billed.cost_usd, Decimal(repr(snapshot.total(semconv.LLM_COST)))),
            "unpriced tokens": (sum(billed.unpriced_tokens.values()), snapshot.total(semconv.LLM_UNPRICED_TOKENS)),
            "unreconciled calls": (billed.unreconciled_calls, snapshot.total(semconv.LLM_UNRECONCILED_CALLS)),
        }
        return [
            f"{what}: the ledger has {in_ledger}, measured were {measured:g}"
            for what, (in_ledger, measured) in pairs.items()
            if abs(Decimal(in_ledger) - Decimal(measured)) > _DOLLARS_AGREE_TO
        ]


def _spec(metric: str) -> semconv.MetricSpec:
    for spec in semconv.METRICS:
        if spec.name == metric:
            return spec
    raise ValueError(f"{metric} is not a metric; the metrics are {', '.join(spec.name for spec in semconv.METRICS)}")
