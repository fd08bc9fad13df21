"""Checks of the prices: the file is valid, the book is not old, and the configured model has a price."""

import time
from collections.abc import Iterator
from typing import Final

from hydrochat_otel.doctor.findings import Finding, Level, Subject
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.price_file import PriceFileError

_DAY_S: Final = 86_400
_OLD_DAYS: Final = 120


def prices(subject: Subject) -> Iterator[Finding]:
    """Load the price book as a service does."""
    if subject.settings is None:
        return
    try:
        book = PriceBook(subject.settings.prices_file)
    except PriceFileError as error:
        yield Finding("prices", Level.PROBLEM, str(error), "Correct the price file; `hydrochat-otel prices` reads it.")
        return
    now = time.time()
    days = book.age_s(now) / _DAY_S
    if days > _OLD_DAYS:
        yield Finding(
            "prices",
            Level.WARNING,
            f"The newest price in the book is {days:.0f} days old.",
            "Run `pip install -U genai-prices`, or name a price file in HYDROCHAT_PRICES.",
        )
    else:
        yield Finding("prices", Level.OK, f"The newest price in the book is {days:.0f} days old.")
    model = subject.settings.gemini_model
    if book.rate(model, now) is None:
        yield Finding(
            "configured-model",
            Level.WARNING,
            f"GEMINI_MODEL={model} has no known price: its tokens are counted, and its cost is unknown.",
            "Add it to the file that HYDROCHAT_PRICES names.",
        )
    else:
        yield Finding("configured-model", Level.OK, f"{model} has a price.")


CHECKS: Final = (prices,)
