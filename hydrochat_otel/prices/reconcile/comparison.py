"""Compares what was metered with what was billed, by span and model, with probable reasons of differences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hydrochat_otel.prices.reconcile.amounts import Amount
from hydrochat_otel.prices.reconcile.bill import Bill, Charged, Span
from hydrochat_otel.prices.reconcile.skus import normalised

_CENT: Final = Decimal("0.005")
_NONE: Final = Amount(0, Decimal(0))


class Metered(NamedTuple):
    """What was metered of one model on one day, and what the sum misses; None if the source does not state it."""

    amount: Amount
    unpriced_tokens: int | None = None
    unreconciled_calls: int | None = None
    incomplete_calls: int | None = None

    def plus(self, other: "Metered") -> "Metered":
        """Return the sum; a number that only one of the two states is unchanged."""
        return Metered(
            self.amount.plus(other.amount),
            *(
                here if there is None else there if here is None else here + there
                for here, there in zip(self[1:], other[1:], strict=True)
            ),
        )


MeteredDays = Mapping[tuple[date, str], Metered]
"""By day and model label."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model in one span of days."""

    span: Span
    model: str
    metered: Amount
    billed: Amount
    reasons: tuple[str, ...] = ()

    @property
    def coverage(self) -> float | None:
        """Metered tokens divided by billed tokens; None if nothing was billed or a side does not state them."""
        if self.metered.tokens is None or not self.billed.tokens:
            return None
        return self.metered.tokens / self.billed.tokens

    @property
    def difference_usd(self) -> Decimal | None:
        """Billed minus metered dollars; None if a side does not state them."""
        if self.billed.cost_usd is None or self.metered.cost_usd is None:
            return None
        return self.billed.cost_usd - self.metered.cost_usd

    @property
    def off_percent(self) -> float | None:
        """How far the dollars, or else the tokens, differ, in percent of what was billed; None if it is unknown."""
        difference = self.difference_usd
        if difference is not None and self.billed.cost_usd:
            return float(abs(difference) / abs(self.billed.cost_usd) * 100)
        if difference is not None and not self.billed.tokens:
            return 0.0 if not difference else None
        return None if self.coverage is None else abs(1 - self.coverage) * 100


def compare(metered: MeteredDays, bill: Bill) -> list[Row]:
    """Return both sides of each span and model of either side; a side without a line for one is zero there.

    Days outside of the bill are left out.
    """
    spans = sorted({span for span, _ in bill.charged})
    ours: dict[tuple[Span, str], Metered] = {}
    for (day, model), one in metered.items():
        span = next((span for span in spans if span.first <= day <= span.last), None)
        if span is not None:
            key = span, normalised(model)
            ours[key] = ours[key].plus(one) if key in ours else one
    rows = []
    for span, model in sorted(ours.keys() | bill.charged.keys()):
        mine, theirs = ours.get((span, model)), bill.charged.get((span, model))
        billed = _NONE if theirs is None else theirs.amount
        if not bill.is_priced:
            billed = billed._replace(cost_usd=None)
        row = Row(span, model, _NONE if mine is None else mine.amount, billed)
        rows.append(Row(*_fields(row), _reasons(row, mine, theirs)))
    return rows


def total(rows: Iterable[Row]) -> Row | None:
    """Return the sums of all rows; None without rows."""
    rows = list(rows)
    if not rows:
        return None
    span = Span(min(row.span.first for row in rows), max(row.span.last for row in rows))
    metered, billed = Amount(), Amount()
    for row in rows:
        metered, billed = metered.plus(row.metered), billed.plus(row.billed)
    return Row(span, "", metered, billed)


def document(bill: Bill, rows: Sequence[Row], notes: Sequence[str]) -> dict[str, Any]:
    """Return the comparison for JSON: dollars as texts with all their digits, days as ISO dates."""
    whole = total(rows)
    return {
        "file": bill.name,
        "shape": bill.shape,
        "zone": bill.zone,
        "currency": bill.currency,
        "rows": [_row(row) for row in rows],
        "total": None if whole is None else _row(whole),
        "credits_usd": _usd(bill.credits),
        "taxes_usd": _usd(bill.taxes),
        "adjustments_usd": _usd(bill.adjustments),
        "rounding_usd": _usd(bill.rounding),
        "left_out_usd": _usd(bill.left_out),
        "notes": list(notes),
    }


def _fields(row: Row) -> tuple[Span, str, Amount, Amount]:
    return row.span, row.model, row.metered, row.billed


def _reasons(row: Row, mine: Metered | None, theirs: Charged | None) -> tuple[str, ...]:
    """Return the probable causes of a difference; empty if there is none."""
    difference = row.difference_usd
    is_even = row.metered.tokens == row.billed.tokens or row.coverage is None
    if is_even and (difference is None or abs(difference) < _CENT):
        return ()
    return (*_reasons_of_metered(mine), *_reasons_of_billed(theirs, row))


def _reasons_of_metered(mine: Metered | None) -> Iterable[str]:
    if mine is None:
        yield "nothing was metered: another project or service, or a surface that is not instrumented"
        return
    if mine.unpriced_tokens:
        yield f"{mine.unpriced_tokens:,} tokens were metered without a price"
    if mine.unreconciled_calls:
        yield f"{mine.unreconciled_calls:,} calls had no usage that balances"
    if mine.incomplete_calls:
        yield f"{mine.incomplete_calls:,} streams ended early"


def _reasons_of_billed(theirs: Charged | None, row: Row) -> Iterable[str]:
    if theirs is None:
        yield "nothing was billed: a free tier, a later bill, or another billing account"
        return
    if theirs.batch_tokens and row.coverage != 1:
        yield f"{theirs.batch_tokens:,} tokens were billed as batch"
    if usd := theirs.usd_by_kind.get("grounding"):
        yield f"${usd:,.6f} were billed for grounding"
    if usd := theirs.usd_by_kind.get("storage"):
        yield f"${usd:,.6f} were billed for storage of cached content"


def _row(row: Row) -> dict[str, Any]:
    return {
        "first_day": row.span.first.isoformat(),
        "last_day": row.span.last.isoformat(),
        "model": row.model,
        "metered": _amount(row.metered),
        "billed": _amount(row.billed),
        "coverage": row.coverage,
        "difference_usd": _usd(row.difference_usd),
        "reasons": list(row.reasons),
    }


def _amount(amount: Amount) -> dict[str, Any]:
    return {"tokens": amount.tokens, "cost_usd": _usd(amount.cost_usd)}


def _usd(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:f}"
