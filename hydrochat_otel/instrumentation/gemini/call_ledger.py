"""The ledger of one call: its tokens, and its dollars as far as prices are known."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from hydrochat_otel.instrumentation.gemini.finished_call import Charged
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.charges import Charge
from hydrochat_otel.prices.rates import Rate
from hydrochat_otel.prices.usage import Tokens, total_of


class CallLedger(NamedTuple):
    """The tokens and dollars of one call.

    Attributes:
        tokens: None if its operation has no usage.
        token_cost_usd: None if no price or no usage is known.
        saved_usd: What its cached input costs less than the same input fresh; 0.0 without cached input or price.
        repeat_usd: The cost of one more attempt's input; None if that is unknown or no attempt was lost.
        charges: What it is charged in addition to its tokens.
    """

    tokens: Tokens | None = None
    token_cost_usd: float | None = None
    saved_usd: float = 0.0
    repeat_usd: float | None = None
    charges: tuple[Charged, ...] = ()


NOTHING_KNOWN: Final = CallLedger()
"""The ledger of a call that cannot be evaluated."""
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


class Pricing(NamedTuple):
    """The prices of one call.

    Attributes:
        book: The price book.
        model: The model that answered, in any form of its id.
        unix_s: When the call began, in seconds since the epoch.
    """

    book: PriceBook
    model: str
    unix_s: float

    def charges(self, units: Mapping[Charge, float]) -> tuple[Charged, ...]:
        """Return the charges with their costs."""
        prices = {charge: self.book.unit_price(charge, self.model, self.unix_s) for charge in units}
        return tuple(
            Charged(charge, count, None if (price := prices[charge]) is None else price.cost_usd(charge, count))
            for charge, count in units.items()
        )

    def ledger(self, turns: Sequence[Tokens], charges: tuple[Charged, ...], *, has_lost_attempts: bool) -> CallLedger:
        """Return the ledger of the turns of a call; each turn is priced separately, and a call has at least one."""
        if len(turns) == 1:
            return self.ledger_of_one(turns[0], charges, has_lost_attempts=has_lost_attempts)
        tokens = total_of(turns)
        if not (tokens.total or tokens.reconciled):
            return CallLedger(tokens, charges=charges)
        rates = [self.book.rate(self.model, self.unix_s, turn.service_tier) for turn in turns]
        known = [(rate, turn) for rate, turn in zip(rates, turns, strict=True) if rate is not None]
        if len(known) < len(turns):
            return CallLedger(tokens, charges=charges)
        saved_usd = sum(rate.saved_usd(turn) for rate, turn in known) if tokens.input_cached else 0.0
        repeat_usd = _repeat_usd(*known[0]) if has_lost_attempts else None
        return CallLedger(tokens, sum(rate.cost_usd(turn) for rate, turn in known), saved_usd, repeat_usd, charges)

    def ledger_of_one(self, tokens: Tokens, charges: tuple[Charged, ...], *, has_lost_attempts: bool) -> CallLedger:
        """Return the ledger of a call of one turn."""
        fresh, cached, tool, answer, thinking, reconciled = tokens[:6]
        if not (reconciled or fresh or cached or tool or answer or thinking):
            return CallLedger(tokens, charges=charges)
        rate = self.book.rate(self.model, self.unix_s, tokens.service_tier)
        if rate is None:
            return CallLedger(tokens, charges=charges)
        saved_usd = rate.saved_usd(tokens) if cached else 0.0
        repeat_usd = _repeat_usd(rate, tokens) if has_lost_attempts else None
        ledger: CallLedger = _new(CallLedger, (tokens, rate.cost_usd(tokens), saved_usd, repeat_usd, charges))
        return ledger


def _repeat_usd(rate: Rate, first: Tokens) -> float:
    """Return the cost of the input without an answer: each attempt sends the same input."""
    return rate.cost_usd(first.without_output())
