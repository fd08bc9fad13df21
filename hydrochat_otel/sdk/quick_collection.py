"""One collection of the SDK for our reader that leaves out the series in which nothing was recorded since the last one.

It takes the locks that the SDK's own collection takes, in the same order, and calls each callback of the application
each time. It reads private names of the SDK: :func:`collection` compares its families with those of the SDK before it
is used, and a storage that is not as expected ends it.
"""

from collections.abc import Iterable
from functools import cache
from itertools import chain
from operator import is_
from time import time_ns
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from hydrochat_otel.instrumentation.own_callbacks import OwnCallback, Seen, own_callback
from hydrochat_otel.runtime import interruptions
from hydrochat_otel.sdk import conversion, fast_ways
from hydrochat_otel.sdk.kept_families import Dropped, KeptFamily, KeptSeries, UnexpectedError, kept_family, states_of
from hydrochat_otel.sdk.newest_exemplars import NewestExemplars
from hydrochat_otel.window.snapshot import Family

NAME: Final = "collection"


class QuickCollection:
    """Collects for one reader; its caller takes turns.

    Args:
        exemplars: The newest exemplars of all series that the reader has seen.
    """

    def __init__(self, exemplars: NewestExemplars) -> None:
        self._exemplars = exemplars
        self._storage: Any = None
        self.forget()

    def forget(self) -> None:
        """Forget what was collected."""
        self._kept: dict[Any, KeptFamily | None] = {}
        self._observed: dict[Any, list[Seen]] = {}
        self._scopes: dict[Any, int] = {}
        self._sources: list[tuple[Any, OwnCallback | None]] = []
        self._number = 0
        self._others: set[Any] = set()
        self._series: list[KeptSeries] = []
        self._states: list[Any] | None = None
        self._newest: tuple[Family, ...] = ()
        self._is_under_way = False

    def families(self, consumer: Any, reader: Any) -> tuple[Family, ...]:
        """Return what the reader's collection would give now; a family without changes is the same object as before.

        Raises:
            UnexpectedError: The storages are not those of a known SDK; any other exception of ours means the same.
        """
        if type(consumer).__name__ != "SynchronousMeasurementConsumer":
            raise UnexpectedError(type(consumer).__name__)
        with consumer._lock:
            storage = consumer._reader_storages[reader]
            if storage is not self._storage:
                self._begin(storage)
            if self._is_under_way:  # an interrupted collection has observed what it did not collect
                storage.collect()
            as_before, observed = self._observe(consumer, storage)
            self._renew(storage, as_before)
            self._observed.update(observed)
            self._is_under_way = False
            return self._newest

    def _begin(self, storage: Any) -> None:
        if set(storage._instrument_class_temporality.values()) != {AggregationTemporality.CUMULATIVE}:
            raise UnexpectedError("not cumulative")
        self.forget()
        self._storage = storage

    def _observe(self, consumer: Any, storage: Any) -> tuple[set[Any], dict[Any, list[Seen]]]:
        """Call all callbacks and store what they return.

        Return the instruments of ours for which that was the same as before, and is not stored again, and what all
        others of ours have returned.
        """
        options = CallbackOptions()
        as_before, observed, measurements = set(), {}, []
        # In a span the observations may become exemplars of it.
        directly = not trace.get_current_span().get_span_context().is_valid
        if len(self._sources) != len(consumer._async_instruments):  # the SDK only adds to them
            self._sources = [(one, own_callback(one._callbacks)) for one in consumer._async_instruments]
        for instrument, callback in self._sources:
            known = self._observed.get(instrument)
            if directly and callback is not None:
                seen = _seen_by(instrument, callback, known)
                if seen == known:
                    as_before.add(instrument)
                    self._observed[instrument] = seen
                    continue
                observed[instrument] = seen
            if known is not None:
                del self._observed[instrument]
            measurements += instrument.callback(options)  # all before the first is stored: a callback may raise
        self._is_under_way = True
        should_sample = consumer._sdk_config.exemplar_filter.should_sample
        for one in measurements:
            sampled = should_sample(one.value, one.time_unix_nano, one.attributes, one.context)
            storage.consume_measurement(one, sampled)
        return as_before, observed

    def _renew(self, storage: Any, as_before: set[Any]) -> None:
        """Collect the families in the SDK's order: by scope."""
        start_unix_ns = time_ns()
        by_scope: dict[int, list[Family]] = {}
        with storage._lock:
            is_quiet = states_of(self._series) == self._states
            pairs = storage._instrument_view_instrument_matches  # an instrument of it has all its matches
            if is_quiet and len(pairs) == self._number and self._others <= as_before:
                return
            for instrument, matches in list(pairs.items()):
                is_as_before = instrument in as_before
                for match in matches:
                    kept = self._kept.get(match)
                    if kept is None:
                        kept, is_quiet = self._keep(instrument, match), False
                    if not (is_as_before or (is_quiet and kept.is_series_wise)):
                        kept.renew(start_unix_ns)
                    if kept.family is not None:
                        by_scope.setdefault(kept.scope_number, []).append(kept.family)
            found = tuple(chain.from_iterable(by_scope.values()))
            if len(found) != len(self._newest) or not all(map(is_, found, self._newest)):
                self._newest = found
            # Last: an interrupted collection has changed families that the newest ones lack.
            if not is_quiet:
                self._states = list(chain.from_iterable([one.states for one in self._series]))
            self._number = len(pairs)

    def _keep(self, instrument: Any, match: Any) -> KeptFamily:
        number = self._scopes.setdefault(instrument.instrumentation_scope, len(self._scopes))
        kept = self._kept[match] = kept_family(instrument, match, number, self._exemplars)
        if isinstance(kept, KeptSeries):
            self._series.append(kept)
        elif not isinstance(kept, Dropped):
            self._others.add(instrument)
        return kept


def _seen_by(instrument: Any, callback: OwnCallback, known: list[Seen] | None) -> list[Seen]:
    """Return what the callback of an instrument of ours returns, or what is known if that is enough."""
    if not instrument._is_enabled():
        return _UNSEEN
    if known is not None and known is not _UNSEEN and callback.once:
        return known
    found = callback.observe()
    return _UNSEEN if found is None else found


_UNSEEN: Final[list[Seen]] = []
"""Stands for what was not looked at."""


# -- the probe ---------------------------------------------------------------------------------------------------------


def collection(exemplars: NewestExemplars, *, fast: bool) -> QuickCollection | None:
    """Return a quick collection, or None if the SDK is not as expected or fast ways are off."""
    problem = _problem() if fast else fast_ways.OFF
    if problem is not None:
        fast_ways.fall_back(NAME, problem)
        return None
    fast_ways.use(NAME)
    return QuickCollection(exemplars)


@cache
def _problem() -> str | None:
    """Return why this version of the SDK cannot be collected so, or None; both ways must give the same families."""
    try:
        same = _gives_the_same()
    except Exception as error:
        interruptions.pass_on(error)
        return f"not possible with this version of the SDK ({type(error).__name__})"
    return None if same else "not possible with this version of the SDK (other numbers)"


def _gives_the_same() -> bool:
    public, quick = InMemoryMetricReader(), InMemoryMetricReader()
    provider = MeterProvider([public, quick], resource=Resource.get_empty(), shutdown_on_exit=False)
    _probed.append(provider)
    consumer = provider._measurement_consumer
    exemplars, ways = NewestExemplars(), QuickCollection(NewestExemplars())
    meter, values = provider.get_meter("probe"), {"ours": 1, "theirs": 1}
    meter.create_observable_counter("o", [_probing(values, "ours")])
    meter.create_observable_gauge("t", [lambda _: [Observation(values["theirs"], {"a": True})]])
    counter, gauge, up_down = meter.create_counter("c"), meter.create_gauge("g"), meter.create_up_down_counter("u")
    histogram = meter.create_histogram("h", "s", "x", explicit_bucket_boundaries_advisory=[1.0, 2.0])
    span = trace.NonRecordingSpan(trace.SpanContext(3, 4, is_remote=False, trace_flags=trace.TraceFlags(1)))
    sampled = trace.set_span_in_context(span)

    def is_the_same() -> bool:
        data = public.get_metrics_data()
        made = conversion.families(data) if data else ()
        return _with(exemplars, made) == ways.families(consumer, quick)

    steps = (
        lambda: counter.add(1),
        lambda: histogram.record(1.5, {"a": "x"}, sampled),
        lambda: histogram.record(0.5, {"a": "y"}),
        lambda: (gauge.set(2), up_down.add(-1), counter.add(0.5, {"n": 1}, sampled)),
        lambda: values.update(ours=2),
        lambda: values.update(theirs=3),
        lambda: histogram.record(0, {"a": "x"}),
    )
    matches = []
    for step in steps:
        step()
        matches += [is_the_same(), is_the_same()]
    provider.shutdown()
    return all(matches)


def _with(exemplars: NewestExemplars, made: Iterable[Family]) -> tuple[Family, ...]:
    return tuple(exemplars.completed_family(one) for one in made)


def _probing(values: dict[str, int], name: str) -> Any:
    callback = OwnCallback(lambda: [(values[name], {"a": "x"})])
    _probed.append(callback)
    return callback


_probed: Final[list[Any]] = []
"""What the probe made, kept for good: the SDK refers to providers by weak references with callbacks in Python.

If the garbage collector ended them, Python would suppress what a signal handler raises inside such a callback.
"""
