"""A bill: the charges of a billing file by span of days and model; other lines are kept apart, totals are checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from hydrochat_otel.prices.reconcile.amounts import Amount, BillingError, shown, tokens_per_unit
from hydrochat_otel.prices.reconcile.lines import BillFile, Line
from hydrochat_otel.prices.reconcile.skus import FOREIGN, Kind, Skus

_MOST_KEYS: Final = 200_000
_CENT: Final = Decimal("0.01")
_NOTHING: Final = Decimal(0)


class Span(NamedTuple):
    """The days that an amount covers, both included."""

    first: date
    last: date


@dataclass(slots=True)
class Charged:
    """The charge for one model in one span: tokens and dollars, and the dollars of each kind of SKU."""

    amount: Amount = field(default_factory=Amount)
    usd_by_kind: dict[Kind, Decimal] = field(default_factory=dict)
    batch_tokens: int = 0

    def add(self, kind: Kind, amount: Amount) -> None:
        """Add one line."""
        self.amount = self.amount.plus(amount)
        if amount.cost_usd is not None:
            self.usd_by_kind[kind] = self.usd_by_kind.get(kind, _NOTHING) + amount.cost_usd
        if kind == "batch":
            self.batch_tokens += amount.tokens or 0

    def merge(self, other: "Charged") -> None:
        """Add the charge of another span for the same model."""
        self.amount = self.amount.plus(other.amount)
        self.batch_tokens += other.batch_tokens
        for kind, usd in other.usd_by_kind.items():
            self.usd_by_kind[kind] = self.usd_by_kind.get(kind, _NOTHING) + usd


@dataclass(slots=True)
class Bill:
    """What a file charges.

    Attributes:
        name: Of the file.
        shape: Which of Google's shapes it has.
        zone: The zone whose midnights separate its days.
        currency: Of its money.
        charged: By span and model; spans do not overlap.
        credits: Below 0, in dollars like all that follow.
        taxes: On the usage.
        adjustments: Corrections of other invoices.
        rounding: Between exact and rounded sums.
        left_out: Charges of other products than Gemini.
        is_priced: Whether the money is in dollars, or could be converted into them.
    """

    name: str
    shape: str
    zone: str
    currency: str = "USD"
    charged: dict[tuple[Span, str], Charged] = field(default_factory=dict)
    credits: Decimal = _NOTHING
    taxes: Decimal = _NOTHING
    adjustments: Decimal = _NOTHING
    rounding: Decimal = _NOTHING
    left_out: Decimal = _NOTHING
    is_priced: bool = True


def read(file: BillFile, models: Iterable[str], *, period: Span | None = None, per_usd: Decimal | None = None) -> Bill:
    """Read a whole file in memory that grows with days and models, not with lines.

    Args:
        file: As :func:`lines.open_bill` returns it.
        models: Ids of the models that an SKU may name.
        period: The days of a file without dates; in a file with dates, lines of other days are left out.
        per_usd: Units of the bill's currency for a dollar, if the file does not state them.

    Raises:
        BillingError: A line cannot be read, or the totals are not the sums of the lines.
    """
    bill = Bill(file.name, file.header.shape, file.zone)
    skus, currencies = Skus(models), _Currencies(file, per_usd)
    sums = _Sums(file)
    if "start" not in file.header.places and period is None:
        raise BillingError(f"{file.name} has no dates; --period says which days it covers, such as 2025-10.")
    for line in file.lines:
        sums.add(line)
        _take(bill, line, skus, currencies, period)
    sums.check()
    bill.currency, bill.is_priced = currencies.found(), currencies.is_priced
    bill.charged = _without_overlap(bill.charged)
    return bill


def _take(bill: Bill, line: Line, skus: Skus, currencies: "_Currencies", period: Span | None) -> None:
    usd = currencies.usd(line.cost, line)
    money = usd or _NOTHING
    if line.role == "credit" or (line.role == "usage" and (line.cost or 0) < 0 < (line.amount or 0)):
        bill.credits += money
    elif line.role == "tax":
        bill.taxes += money
    elif line.role == "adjustment":
        bill.adjustments += money
    elif line.role == "rounding":
        bill.rounding += money
    elif line.role == "usage":
        bill.credits += currencies.usd(line.credit, line) or _NOTHING
        span = period if line.first is None or line.last is None else Span(line.first, line.last)
        if span is None or (period is not None and (span.first < period.first or span.last > period.last)):
            return
        sku = skus.read(line.sku)
        if sku.model == FOREIGN:
            bill.left_out += money
            return
        if (charged := bill.charged.get((span, sku.model))) is None:
            if len(bill.charged) >= _MOST_KEYS:
                raise BillingError(
                    f"{bill.name}, line {line.number}: there are more than {_MOST_KEYS} days and models."
                )
            charged = bill.charged[span, sku.model] = Charged()
        charged.add(sku.kind, Amount(_tokens(line, sku.kind), usd))


def _tokens(line: Line, kind: Kind) -> int | None:
    times = tokens_per_unit(line.unit) if kind in {"tokens", "batch"} else None
    return None if times is None or line.amount is None else round(line.amount * times)


class _Currencies:
    """Converts the costs of lines into dollars."""

    def __init__(self, file: BillFile, per_usd: Decimal | None) -> None:
        self._name = file.name
        self._per_usd = per_usd
        self._seen: dict[str, None] = {}
        self.is_priced = True

    def usd(self, cost: Decimal | None, line: Line) -> Decimal | None:
        """Return the cost in dollars; None if it is unknown or cannot be converted."""
        if cost is None:
            return None
        currency = line.currency or "USD"
        if currency not in self._seen:
            if len(self._seen) == 1:
                raise BillingError(
                    f"{self._name}, line {line.number}: the currency is {shown(currency)}, others differ."
                )
            self._seen[currency] = None
        if currency == "USD":
            return cost
        per_usd = self._per_usd or line.per_usd
        if per_usd is None or per_usd <= 0:
            self.is_priced = False
            return None
        return cost / per_usd

    def found(self) -> str:
        """Return the currency of the file."""
        return next(iter(self._seen), "USD")


class _Sums:
    """Adds up lines and compares them with the totals that the file states."""

    def __init__(self, file: BillFile) -> None:
        self._name = file.name
        self._sum = _NOTHING
        self._lines = 0
        self._usage = _NOTHING
        self._stated: list[tuple[Line, Decimal]] = []

    def add(self, line: Line) -> None:
        """Take one line."""
        if line.role in {"total", "subtotal"}:
            if line.stated is not None:
                self._stated.append((line, self._sum if line.role == "total" else self._usage))
            return
        self._lines += 1
        self._sum += (line.cost or _NOTHING) + (line.credit if line.role == "usage" else _NOTHING)
        if line.role != "tax":
            self._usage = self._sum

    def check(self) -> None:
        """Raise BillingError if a stated total is not the sum of the lines above it, except for their rounding."""
        allowed = _CENT / 2 * (self._lines + 1)
        for line, found in self._stated:
            stated = line.stated or _NOTHING
            if abs(stated - found) > allowed:
                raise BillingError(
                    f"{self._name}, line {line.number}: the stated total is {stated:f}, its lines add up to {found:f}; "
                    "the file is incomplete."
                )


def _without_overlap(charged: Mapping[tuple[Span, str], Charged]) -> dict[tuple[Span, str], Charged]:
    """Return the charges with overlapping spans joined into one span, so that no day is compared twice."""
    whole: dict[Span, Span] = {}
    group: list[Span] = []
    for span in sorted({span for span, _ in charged}):
        if group and span.first > max(one.last for one in group):
            whole |= dict.fromkeys(group, _around(group))
            group = []
        group.append(span)
    if group:
        whole |= dict.fromkeys(group, _around(group))
    merged: dict[tuple[Span, str], Charged] = {}
    for (span, model), one in charged.items():
        merged.setdefault((whole[span], model), Charged()).merge(one)
    return merged


def _around(spans: list[Span]) -> Span:
    return Span(min(span.first for span in spans), max(span.last for span in spans))
