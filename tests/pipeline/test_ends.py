"""Promises about shutdown and threads: no shutdown hangs, no thread dies, and counting works without threads."""

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import hydrochat_otel
from hydrochat_otel import track_response_time
from hydrochat_otel.runtime import background, failures

ENDS = int(os.environ.get("HYDROCHAT_TEST_ENDS", "20"))
"""The number in a run of the suite; 200 on request."""
AT_ONCE = 4
NAMED = {**os.environ, "OTEL_SERVICE_NAME": "chat"}

PROGRAM = """
import signal, sys, threading
import hydrochat_otel

pipeline = hydrochat_otel.install(state=sys.argv[1], publish_interval_s=0.05, instrument_gemini=False)

@hydrochat_otel.track_response_time("work")
def work():
    pass

def busy():
    while True:
        work()

def end(*_):
    hydrochat_otel.shutdown()
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
for _ in range(2):
    threading.Thread(target=busy, daemon=True).start()
print("ready", flush=True)
while True:
    work()
    pipeline.snapshot()
    pipeline.force_flush()
"""


@pytest.mark.timeout(60 + 10 * ENDS)
def test_shutdown_in_a_signal_handler_never_hangs(tmp_path):
    """SIGTERM at any moment under load, with shutdown() in its handler, ends the process in time."""
    chance = random.Random(7)
    for first in range(0, ENDS, AT_ONCE):
        processes = []
        for number in range(first, min(ENDS, first + AT_ONCE)):
            state = f"sqlite:///{tmp_path}/{number}.db" if number % 2 else "memory"
            command = [sys.executable, "-c", PROGRAM, state]
            processes.append(
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=NAMED)
            )
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.1, 0.5))
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            _, errors = process.communicate(timeout=45)
            assert (process.returncode, errors) == (0, "")


WITHOUT_THREADS = """
import sys, threading

def refuse(_):
    raise RuntimeError("can't start new thread")

threading.Thread.start = refuse
import hydrochat_otel

running = hydrochat_otel.install(state=sys.argv[1], instrument_gemini=False)
with hydrochat_otel.track_response_time("work"):
    pass
print(len(running.snapshot().entries), running.service_name())
hydrochat_otel.shutdown()
"""


def test_counting_continues_without_threads(tmp_path):
    """install() does not raise, operations are counted and shown, and one sentence says what is missing."""
    command = [sys.executable, "-c", WITHOUT_THREADS, f"sqlite:///{tmp_path}/state.db"]
    done = subprocess.run(command, env=NAMED, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "1 chat\n")
    assert done.stderr == (
        "No thread can be started here. Counting continues, and the numbers are brought up to date when they are "
        "read; regular work (publishing, alerts, the port) does not run.\n"
    )


class Raising(logging.Handler):
    """A host's handler that raises whenever something is logged: its disk is full."""

    def emit(self, record):
        raise OSError(28, "No space left on device")


@pytest.fixture
def raising_handler():
    logger, handler = logging.getLogger("hydrochat_otel"), Raising()
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


def test_a_log_handler_that_raises_ends_no_thread(raising_handler, install, tmp_path):
    """The state disappears and returns while nothing can be logged: publishing continues."""
    place = tmp_path / "away" / "state.db"
    running = install(state=f"sqlite:///{place}", publish_interval_s=0.05)
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("hydrochat-otel")}
    with track_response_time("work"):
        pass
    assert running.snapshot().sharing.problem is not None
    time.sleep(0.3)
    place.parent.mkdir()
    deadline_s = time.monotonic() + 20
    while running.snapshot().sharing.problem is not None and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert running.snapshot().sharing.problem is None
    assert names <= {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), RecursionError()])
def test_a_repeated_step_survives_its_exceptions(error):
    """The step is called again after an Exception, which is counted."""
    stop, calls = threading.Event(), []

    def step():
        calls.append(1)
        if len(calls) == 1:
            raise error
        stop.set()

    background.repeat(stop, 0.001, step, component="test.step")
    assert (len(calls), failures.counts()) == (2, {"test.step": 1})


def test_a_shutdown_step_that_waits_for_its_own_thread_is_abandoned():
    """A step that needs what the caller holds does not block the caller."""
    lock = threading.Lock()
    with lock:
        assert not background.within(0.05, lock.acquire, component="test.end")
    assert background.within(5, lambda: 1 / 0, component="test.end")
    assert failures.counts() == {"test.end": 1}


def test_a_shutdown_may_interrupt_the_start_of_a_thread():
    """A signal handler that ends the pipeline while its thread holds the lock of `threading` is not blocked by it."""
    with threading._active_limbo_lock:
        assert background.within(30, lambda: None, component="test.end")


class BrokenReader(InMemoryMetricReader):
    """A reader of the application whose exporter fails."""

    def force_flush(self, timeout_millis=10_000):
        raise OSError("the collector is away")


class BrokenProcessor(SpanProcessor):
    """The same for spans."""

    def force_flush(self, timeout_millis=30_000):
        raise OSError("the collector is away")


@pytest.mark.parametrize("broken", ["reader", "processor", "neither"])
def test_a_flush_says_whether_it_succeeded_and_raises_nothing(broken):
    """What fails is noted, and the other provider is flushed."""
    flushed = []

    class Reader(InMemoryMetricReader):
        def force_flush(self, timeout_millis=10_000):
            flushed.append("metrics")
            return True

    class Processor(SpanProcessor):
        def force_flush(self, timeout_millis=30_000):
            flushed.append("spans")
            return True

    readers = [BrokenReader() if broken == "reader" else Reader()]
    spans, metrics = TracerProvider(shutdown_on_exit=False), MeterProvider(readers, shutdown_on_exit=False)
    spans.add_span_processor(BrokenProcessor() if broken == "processor" else Processor())
    installed = hydrochat_otel.install(tracer_provider=spans, meter_provider=metrics, instrument_gemini=False)
    assert installed.force_flush() is (broken == "neither")
    assert flushed == {"reader": ["spans"], "processor": ["metrics"], "neither": ["spans", "metrics"]}[broken]
    assert failures.counts() == ({} if broken == "neither" else {"force_flush": 1})
    failures.forget()
