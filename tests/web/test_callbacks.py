"""Promises of :mod:`hydrochat_otel.web.callbacks`: exceptions of the application's own instruments and signals."""

import os
import signal

import pytest
from conftest import TOKEN
from opentelemetry.sdk.metrics import MeterProvider

from hydrochat_otel import web
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures
from hydrochat_otel.views.prometheus import kept_bodies
from hydrochat_otel.web import Request, respond


@pytest.fixture
def observed():
    """Install a pipeline beside an observable instrument of the application; return the function that sets it."""
    callbacks = []

    def observe(options):
        return callbacks[-1](options)

    provider = MeterProvider(shutdown_on_exit=False)
    provider.get_meter("application").create_observable_gauge("application.gauge", [observe])
    pipeline.install(meter_provider=provider, metrics_token=TOKEN, instrument_gemini=False)
    return callbacks.append


def scrape():
    return respond(Request("GET", web.METRICS_PATH, {"authorization": f"Bearer {TOKEN}"}))


def raising(error):
    def callback(_):
        raise error

    return callback


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseException()])
def test_a_callback_that_ends_the_process(observed, error):
    """An exception of an application's callback costs that answer, is counted, and ends no worker of the host."""
    observed(raising(error))
    response = scrape()
    assert (response.status, b"observable" in response.body, failures.counts()) == (500, True, {"web.callback": 1})
    observed(lambda _: [])
    assert scrape().status == 200


def test_an_interrupt_passes_through(observed):
    """Ctrl-C reaches the application also while its callback runs."""
    observed(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        scrape()
    assert failures.counts() == {}


def test_a_signal_of_the_host_passes_through(observed):
    """An exception of the host's signal handler during a callback ends the host as intended."""

    def end(*_):
        raise SystemExit(7)

    before = signal.signal(signal.SIGUSR1, end)
    try:
        observed(lambda _: os.kill(os.getpid(), signal.SIGUSR1) or [])
        with pytest.raises(SystemExit):
            scrape()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_is_raised_elsewhere_passes_through(installed, monkeypatch):
    """An exit that no callback raised is the host's own."""
    monkeypatch.setattr(kept_bodies, "render", lambda *_: (_ for _ in ()).throw(SystemExit()))
    with pytest.raises(SystemExit):
        scrape()
