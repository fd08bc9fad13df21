"""A pipeline under test: the work of the host, the books that it must leave, and the sentences that were logged."""

import logging
import time
from collections import Counter

from faults import hosts
from faults.parts import CALLS, MONEY, OPERATIONS, SPANS, WINDOW
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hydrochat_otel import install, semconv
from hydrochat_otel.prices import refresher
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.runtime import deferred_queue, failures
from hydrochat_otel.testing import reset
from hydrochat_otel.web import Request, paths, respond

TOKEN = "token-of-the-tests-1234"
BEARER = {"authorization": f"Bearer {TOKEN}"}
PRICES = '[models."gemini-2.0-flash"]\ninput = 1\noutput = 2\n'
WITHIN_S = 10.0


class _Sentences(logging.Handler):
    """Keeps what our logger says, as text."""

    def __init__(self):
        super().__init__()
        self.said = []

    def emit(self, record):
        if record.levelno >= logging.WARNING and "[PERFORMANCE]" not in str(record.msg):
            self.said.append(record.getMessage())


class Rig:
    """A pipeline on providers of its own and a state in a file, with the fast ways on or off."""

    def __init__(self, folder, *, fast):
        self._folder = folder
        self._fast = fast
        self._sentences = _Sentences()
        self._book = None
        self._usual = Counter()
        self._before = Counter()

    def __enter__(self):
        logger = logging.getLogger("hydrochat_otel")
        self._propagate, logger.propagate = logger.propagate, False
        logger.addHandler(self._sentences)
        self._book = PriceBook(self._write_prices())
        self._install()
        self.work("host")  # caches are warm, so that all cells take the same way
        before = self.books()
        self.work("host")
        self._usual = self.books()
        self._usual.subtract(before)
        return self

    def __exit__(self, *_):
        logger = logging.getLogger("hydrochat_otel")
        logger.removeHandler(self._sentences)
        logger.propagate = self._propagate
        reset()

    def _install(self):
        self._exporter = InMemorySpanExporter()
        tracer_provider = TracerProvider(shutdown_on_exit=False)
        tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.pipeline = install(
            tracer_provider=tracer_provider,
            meter_provider=MeterProvider(shutdown_on_exit=False),
            metrics_token=TOKEN,
            instrument_gemini=False,
            max_entries=100,
            fast=self._fast,
            state=f"sqlite://{self._folder}/{'fast' if self._fast else 'public'}.db",
            publish_interval_s=3600,
        )

    def begin(self, books=None):
        """Forget failures and sentences, and open the books, or go on with those that were read last."""
        failures.forget()
        self._sentences.said.clear()
        self._before = self.books() if books is None else books

    def books(self):
        """Return every number that the work of the host adds to."""
        deferred_queue.drain_all()
        snapshot = self.pipeline.snapshot()
        assert snapshot.sharing.problem is None, snapshot.sharing.problem
        return Counter(
            {
                (SPANS, "exported"): len(self._exporter.get_finished_spans()),
                (OPERATIONS, "durations"): sum(sum(p.counts) for p in snapshot.points(semconv.OPERATION_DURATION)),
                (CALLS, "calls"): int(snapshot.total(semconv.LLM_CALLS)),
                (CALLS, "attempts"): int(snapshot.total(semconv.LLM_ATTEMPTS)),
                (MONEY, "tokens"): int(snapshot.total(semconv.LLM_TOKENS)),
                (MONEY, "nanodollars"): round(1e9 * snapshot.total(semconv.LLM_COST)),
                (WINDOW, "entries"): len(snapshot.entries) + int(snapshot.total(semconv.RETENTION_EVICTED)),
            }
        )

    def wrong(self, books, reentered, *, may_miss=frozenset()):
        """Return what differs from the usual work and so many operations more, but for the books that may miss some."""
        more = {(SPANS, "exported"), (OPERATIONS, "durations"), (WINDOW, "entries")}
        off = {}
        for place, usual in self._usual.items():
            differs = books[place] - self._before[place] - usual - (reentered if place in more else 0)
            # What stored cache costs depends on how long the work took: far below a nanodollar, but it is rounded.
            noise = 1 if place == (MONEY, "nanodollars") else 0
            if differs > noise or (differs < -noise and place[0] not in may_miss):
                off[place] = differs
        return off

    def said_twice(self):
        """Return the sentences that were logged more than once."""
        return [sentence for sentence, times in Counter(self._sentences.said).items() if times > 1]

    # -- work --------------------------------------------------------------------------------------------------------

    def work(self, kind, fault=None):
        """Do the work of a cell; return what changed for the host, and the statuses of its scrapes."""
        if kind == "refresh":
            return self._refresh(fault), []
        if kind == "first use":
            reset()  # the next tracked call installs
            return hosts.changes(), []
        changed = hosts.changes()
        return changed, [_status(path) for path in (paths.METRICS_PATH, paths.EXPORT_PATH)]

    def again(self, kind):
        """Be as before the work, with the same books."""
        if kind == "first use":
            reset()
            self._install()
            self.work("host")

    def _write_prices(self):
        """Put a new price file in the place of the old one, as an operator must."""
        file, fresh = self._folder / "prices.toml", self._folder / "fresh.toml"
        fresh.write_text(f"{PRICES}# {time.monotonic_ns()}\n")
        return fresh.replace(file)

    def _refresh(self, fault):
        """Let the refreshing thread read a changing file until it has failed twice, and look whether it lives."""
        self._write_prices()
        thread = refresher.Refresher()
        usual, refresher.INTERVAL_S = refresher.INTERVAL_S, 0.005
        try:
            thread.watch(self._book)
            until_s = time.monotonic() + WITHIN_S
            while fault.reached < 2 and time.monotonic() < until_s:
                self._write_prices()
                time.sleep(0.005)
            return {} if thread._thread.is_alive() else {"thread": "ended"}
        finally:
            thread.forget(self._book)
            refresher.INTERVAL_S = usual


def _status(path):
    try:
        return respond(Request("GET", path, BEARER)).status
    except BaseException as error:  # what is no Exception may pass through to the server
        return "passed through" if not isinstance(error, Exception) else repr(error)
