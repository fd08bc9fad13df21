"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.attempts`."""

import asyncio

import pytest
from google.genai import errors
from instrumentation.gemini.client_calls import ask, ask_async
from instrumentation.gemini.scenario_runner import httpx, open_client

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.attempts import Attempts, advised_s, reason_of
from hydrochat_otel.testing.replies import answer, failure, rate_limited


def api_error(code, details=None):
    """An error of the SDK."""
    return errors.APIError(code, {"error": {"code": code, "details": details or []}})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (api_error(429), "429"),
        (api_error(404), "4xx"),
        (api_error(503), "5xx"),
        (api_error(302), "3xx"),
        (httpx.ConnectError("S1234567D"), "network"),
        (ConnectionResetError(), "network"),
        (TimeoutError(), "network"),
        (asyncio.CancelledError(), "cancelled"),
        (ValueError("S1234567D"), "other"),
        (SystemExit(404), "other"),
    ],
)
def test_every_failure_has_a_reason_of_a_closed_set(error, reason):
    """The reason is the status's class if there is a status, and never a message."""
    assert reason_of(error) == reason


RETRY = "type.googleapis.com/google.rpc.RetryInfo"


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ([{"@type": RETRY, "retryDelay": "12.5s"}], 12.5),
        ([{"@type": "other"}, {"@type": RETRY, "retryDelay": "0s"}], 0.0),
        ([{"@type": RETRY}], None),
        ([{"@type": RETRY, "retryDelay": "soon"}], None),
        ([{"@type": RETRY, "retryDelay": "-3s"}], None),
        ([{"@type": RETRY, "retryDelay": "nan"}], None),
        (["text"], None),
        ([], None),
    ],
)
def test_retry_info_is_read_if_valid(details, seconds):
    """A valid delay gives its seconds, anything else None."""
    assert advised_s(api_error(429, details)) == seconds


@pytest.mark.parametrize("error", [ValueError(), api_error(500), httpx.ReadError("x")])
def test_an_error_without_details_advises_nothing(error):
    """An error without details gives no advice, whatever its shape."""
    error.details = "text" if isinstance(error, errors.APIError) else None
    assert advised_s(error) is None


async def test_attempts_are_on_span_and_in_metrics(emulator, meters, instrumentor):
    """Span and metrics have each attempt's reason, the waits, and the advised wait."""
    emulator.script(rate_limited(0.25), failure(503), answer("Yes."))
    await ask_async()(open_client(emulator, retry=True))
    (span,) = meters.spans
    found = span.attributes
    assert (found[semconv.ATTEMPTS], found[semconv.ATTEMPT_REASONS]) == (3, ("429", "5xx", "2xx"))
    assert found[semconv.RETRY_ADVISED_S] == 0.25
    assert all(wait >= 0.01 for wait in found[semconv.RETRY_WAITS_S])
    assert meters.by(semconv.LLM_ATTEMPTS, semconv.REASON) == {"429": 1, "5xx": 1, "2xx": 1}
    assert meters.by(semconv.LLM_RETRIES, semconv.REASON) == {"429": 1, "5xx": 1}
    waits = {
        attributes[semconv.REASON]: (count, total) for attributes, count, total in meters.points(semconv.LLM_RETRY_WAIT)
    }
    assert {reason: count for reason, (count, _) in waits.items()} == {"429": 1, "5xx": 1}
    assert sum(total for _, total in waits.values()) == pytest.approx(sum(found[semconv.RETRY_WAITS_S]))
    ((attributes, count, total),) = meters.points(semconv.LLM_RETRY_ADVISED)
    assert (attributes[semconv.REASON], count, total) == ("429", 1, 0.25)


def test_a_call_that_fails_after_four_attempts_is_one_failed_call(emulator, meters, instrumentor):
    """Four failed attempts are one call and one duration; the status is the error's type."""
    emulator.script(*[failure(503)] * 4)
    with pytest.raises(errors.ServerError):
        ask()(open_client(emulator, retry=True))
    (span,) = meters.spans
    assert (span.attributes[semconv.ATTEMPTS], span.attributes[semconv.ERROR_TYPE]) == (4, "503")
    ((attributes, count, _),) = meters.points(semconv.GEN_AI_DURATION)
    assert (attributes[semconv.ERROR_TYPE], count) == ("503", 1)
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"error": 1}


def test_a_connection_that_the_sdk_repeats_is_noticed():
    """A second session within one attempt means that the first connection broke."""
    attempts = Attempts()
    with attempts:
        attempts.connect()
        attempts.connect()
    assert [(attempt.reason, attempt.wait_s) for attempt in attempts.made] == [("network", None), ("2xx", None)]


@pytest.mark.parametrize(
    ("failure_of_first", "lost"), [(httpx.ReadError("S1234567D"), 1), (ConnectionRefusedError(), 0)]
)
def test_a_repeated_connection_may_be_charged_unless_it_was_never_made(failure_of_first, lost):
    """A repeated connection counts as lost only if its request may have reached the service."""
    attempts = Attempts()
    with attempts:
        attempts.connect()
        try:
            raise failure_of_first
        except (OSError, httpx.ReadError):
            attempts.connect()
    assert attempts.lost == lost
