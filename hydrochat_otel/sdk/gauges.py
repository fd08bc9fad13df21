"""The observed metrics: gauges and counters whose value is read when a reader collects.

They speak of this process, for exporters that push. A snapshot takes those of the window, the budget and the workers
from its own contents instead.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from opentelemetry.metrics import Meter

from hydrochat_otel import __version__, semconv
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.instrumentation.own_callbacks import OwnCallback, Seen
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.window.snapshot import Budget
from hydrochat_otel.window.store import MetricsStore


class Observed(Protocol):
    """The source of the observed values; called during a collection, so no method may collect."""

    instrumentor: GeminiInstrumentor

    @property
    def store(self) -> MetricsStore:
        """The window."""

    def spent(self) -> Budget:
        """The dollars spent, as this process last read them."""

    def workers(self) -> int:
        """How many processes reported recently, as this one last read it."""


class _Subject:
    def __init__(self) -> None:
        self.observed: Observed | None = None
        self.since_unix_s = 0.0


_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}
_subject: Final = _Subject()


def look_at(observed: Observed | None) -> None:
    """Set the observed object; None observes nothing."""
    _subject.observed = observed
    _subject.since_unix_s = time.time()


def create(meter: Meter) -> None:
    """Create the instruments on a meter."""
    # Of the module: the SDK keeps the first callback that a meter received for a name, permanently.
    for spec, callback in _GAUGES:
        meter.create_observable_gauge(spec.name, [callback], spec.unit, spec.description)
    evicted = semconv.RETENTION_EVICTED
    meter.create_observable_counter(evicted.name, [_evicted], evicted.unit, evicted.description)


def _callback(look: Callable[[Observed], Iterable[Seen]], *, once: bool = False) -> OwnCallback:
    def observe() -> list[Seen] | None:
        observed = _subject.observed
        if observed is None:
            return None
        try:
            return list(look(observed))
        except BaseException as error:
            # Another reader's thread may collect: what fails here costs this gauge and not its collection.
            failures.note("gauges", error)
            return []

    return OwnCallback(observe, once=once)


def _entries(observed: Observed) -> Iterable[Seen]:
    return [(observed.store.filling().current_entries, _NO_ATTRIBUTES)]


def _utilization(observed: Observed) -> Iterable[Seen]:
    return [(observed.store.filling().utilization_ratio, _NO_ATTRIBUTES)]


def _covered(observed: Observed) -> Iterable[Seen]:
    return [(observed.store.filling().covered_s, _NO_ATTRIBUTES)]


def _build_info(_: Observed) -> Iterable[Seen]:
    return [(1, {semconv.VERSION: __version__})]


def _process_start(_: Observed) -> Iterable[Seen]:
    return [(_subject.since_unix_s, _NO_ATTRIBUTES)]


def _instrumentation(observed: Observed) -> Iterable[Seen]:
    if "google.genai" not in sys.modules:
        return []  # a process without calls is not the same as one whose calls are not counted
    instrumentor = observed.instrumentor
    labels = {semconv.LIBRARY: "google-genai", semconv.LIBRARY_VERSION: instrumentor.library_version}
    # An unknown version of a function of the SDK is listed beside it: its usage is not counted.
    missing = [{**labels, semconv.LIBRARY: f"google-genai {name}"} for name in instrumentor.uncovered]
    return [(int(instrumentor.active), labels), *((0, one) for one in missing)]


def _price_book_age(observed: Observed) -> Iterable[Seen]:
    # Only if Gemini is used: reading the price book costs 0.3 s, which a process without calls should not pay.
    if not observed.instrumentor.active:
        return []
    return [(observed.instrumentor.price_book.age_s(time.time()), _NO_ATTRIBUTES)]


def _price(observed: Observed) -> Iterable[Seen]:
    book = observed.instrumentor.loaded_price_book
    for model, _, rate in () if book is None else book.in_use(time.time()):
        for bucket, usd in rate.usd_by_bucket().items():
            yield usd, {semconv.GEN_AI_REQUEST_MODEL: model, semconv.TOKEN_BUCKET: bucket}


def _spend(observed: Observed) -> Iterable[Seen]:
    budget = observed.spent()
    yield budget.spent_day_usd, {semconv.PERIOD: "day"}
    yield budget.spent_month_usd, {semconv.PERIOD: "month"}


def _budget(observed: Observed) -> Iterable[Seen]:
    budget = observed.spent()
    for period, usd in (("day", budget.day_usd), ("month", budget.month_usd)):
        if usd is not None:
            yield usd, {semconv.PERIOD: period}


def _forecast(observed: Observed) -> Iterable[Seen]:
    forecast = observed.spent().forecast
    if forecast is not None:
        for bound, usd in forecast.bounds():
            yield usd, {semconv.BOUND: bound}


def _workers(observed: Observed) -> Iterable[Seen]:
    return [(observed.workers(), _NO_ATTRIBUTES)]


_GAUGES: Final[tuple[tuple[MetricSpec, OwnCallback], ...]] = (
    (semconv.RETENTION_ENTRIES, _callback(_entries, once=True)),
    (semconv.RETENTION_UTILIZATION, _callback(_utilization, once=True)),
    (semconv.INSTRUMENTATION_ACTIVE, _callback(_instrumentation)),
    (semconv.PRICE_BOOK_AGE, _callback(_price_book_age)),
    (semconv.LLM_PRICE, _callback(_price)),
    (semconv.LLM_SPEND, _callback(_spend, once=True)),
    (semconv.LLM_BUDGET, _callback(_budget, once=True)),
    (semconv.LLM_FORECAST, _callback(_forecast, once=True)),
    (semconv.STATE_WORKERS, _callback(_workers, once=True)),
    (semconv.RETENTION_COVERED, _callback(_covered, once=True)),
    (semconv.BUILD_INFO, _callback(_build_info, once=True)),
    (semconv.PROCESS_START, _callback(_process_start)),
)


def _evictions(observed: Observed) -> Iterable[Seen]:
    return [(count, {semconv.REASON: reason}) for reason, count in observed.store.evicted().items()]


_evicted: Final = _callback(_evictions)
