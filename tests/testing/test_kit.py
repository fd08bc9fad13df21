"""Promises of the testing kit for applications."""

import subprocess
import sys
import time

import pytest
from google import genai
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider

import hydrochat_otel
from hydrochat_otel import testing, track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.testing import GeminiEmulator, Measured, SteppedClock, Usage, answer, failure


def ask(emulator, model="gemini-2.5-flash"):
    client = genai.Client(api_key="any", http_options={"base_url": emulator.base_url})
    return client.models.generate_content(model=model, contents="How do I change the dressing?")


def test_every_public_name_exists():
    """Each name of `hydrochat_otel.testing` can be imported, and `dir` shows just these."""
    assert {name for name in testing.__all__ if not hasattr(testing, name)} == set()
    assert dir(testing) == sorted(testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Emulator'"):
        testing.Emulator  # noqa: B018 - the look-up is what fails


def test_the_kit_needs_no_pytest():
    """Everything except the plugin works without pytest, and the import alone loads no server."""
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import hydrochat_otel.testing as kit\n"
        "assert 'waitress' not in sys.modules\n"
        "assert all(getattr(kit, name) for name in kit.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_measurements_equal_the_ledger(install):
    """The measured calls, tokens and dollars are those that the emulator billed."""
    measured = Measured(install(instrument_gemini=True))
    with GeminiEmulator() as emulator:
        emulator.script(answer("Keep it dry.", usage=Usage(prompt=100, cached=40, answer=7, thinking=5)))
        ask(emulator)
    assert measured.differences(emulator.ledger) == []
    assert measured.tokens == emulator.ledger.totals().tokens
    assert measured.tokens.total == 112
    assert measured.value("hydrochat.llm.calls", {"hydrochat.outcome": "ok"}) == 1
    assert [entry.model for entry in measured.entries("gemini")] == ["gemini-2.5-flash"]
    assert "112 tokens" in repr(measured)


def test_a_difference_is_a_sentence(install):
    """A call that was not measured is named, with both numbers."""
    measured = Measured(install(instrument_gemini=False))
    with GeminiEmulator() as emulator:
        emulator.script(answer("Keep it dry.", usage=Usage(prompt=12, answer=4)))
        ask(emulator)
    assert "requests that ended ok: the ledger has 1, measured were 0" in measured.differences(emulator.ledger)
    assert "tokens in input_fresh: the ledger has 12, measured were 0" in measured.differences(emulator.ledger)


def test_a_metric_that_does_not_exist_is_refused(installed):
    """A misspelt metric or attribute is an error, never 0."""
    measured = Measured(installed)
    with pytest.raises(ValueError, match=r"hydrochat.llm.cals is not a metric; the metrics are "):
        measured.value("hydrochat.llm.cals")
    with pytest.raises(ValueError, match=r"hydrochat.llm.calls has no attribute outcome; it has "):
        measured.value("hydrochat.llm.calls", {"outcome": "ok"})


def test_durations_are_those_of_the_stepped_clock(installed):
    """An operation takes as long as the clock is moved while it runs, to the nanosecond."""
    measured = Measured(installed)
    with SteppedClock(start_unix_s=1_750_000_000).in_charge() as clock:
        with track_response_time("slow", threshold_seconds=2.0):
            clock.advance(2.5)
        with track_response_time("fast", threshold_seconds=2.0):
            pass
    with pytest.raises(ValueError, match="would turn the clock back"):
        clock.advance(-1)
    seen = [(entry.operation, entry.duration_s, entry.end_unix_s) for entry in measured.entries("operation")]
    assert seen == [("slow", 2.5, 1_750_000_002.5), ("fast", 0.0, 1_750_000_002.5)]
    assert measured.value("hydrochat.operation.violations") == 1
    assert sum(measured.series("hydrochat.operation.duration").values()) == 2


def test_plain_functions_without_a_span_are_measured_by_the_stepped_clock():
    """Whatever is settled later: durations are exact, and what ended before and after has its own time of day."""
    installed = pipeline.install(
        tracer_provider=trace.NoOpTracerProvider(),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        instrument_gemini=False,
    )
    work = track_response_time("work")
    work(lambda: None)()
    before_s = time.time()
    with SteppedClock(start_unix_s=1_750_000_000).in_charge() as clock:
        for seconds in (0.1, 0.7, 1e-9):
            work(clock.advance)(seconds)
    work(lambda: None)()
    first, *stepped, last = Measured(installed).entries("operation")
    assert [entry.duration_s for entry in stepped] == [0.1, 0.7, 1e-9]
    ends = [entry.end_unix_s for entry in stepped]
    assert ends == pytest.approx([1_750_000_000 + passed for passed in (0.1, 0.8, 0.8)], abs=1e-6)
    assert abs(first.end_unix_s - before_s) < 60
    assert abs(last.end_unix_s - before_s) < 60


def test_the_real_clock_is_back_afterwards(installed):
    """After the block operations are measured by the real clock again."""
    with SteppedClock(start_unix_s=0).in_charge():
        pass
    with track_response_time("after"):
        pass
    assert abs(Measured(installed).entries("operation")[0].end_unix_s - time.time()) < 60


def test_the_emulator_can_be_reset(installed):
    """After a reset the ledger is empty, and scripted replies are gone."""
    with GeminiEmulator() as emulator:
        emulator.script(failure(400), answer("never asked for"))
        with pytest.raises(genai.errors.ClientError):
            ask(emulator)
        assert "1 requests, 1 unused replies" in repr(emulator)
        emulator.reset()
        assert (emulator.ledger.lines, emulator.requests, emulator.unused_replies) == ((), (), 0)
    assert "stopped" in repr(emulator)


def test_the_version_is_the_one_of_the_package():
    """The kit has no version of its own."""
    assert not hasattr(testing, "__version__")
    assert hydrochat_otel.__version__
