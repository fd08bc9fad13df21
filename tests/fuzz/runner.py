"""Runs fuzz targets for a time, keeps what broke a promise in the corpus, and counts executions and outcomes."""

import hashlib
import logging
import random
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

from fuzz import calls, conversations, files, prometheus, state, web
from fuzz.target import CORPUS
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from hydrochat_otel import install, shutdown, track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.server import Server

_MOST_BROKEN = 20
"""Of one target: what is broken in the same way again and again need not fill the disk."""


@dataclass
class Outcome:
    """What a run of one target has seen: executions, how they ended, and each broken promise in a sentence."""

    executions: int = 0
    words: Counter = field(default_factory=Counter)
    broken: dict = field(default_factory=dict)


@contextmanager
def pipeline():
    """Install a pipeline that every target may use, quiet on the log."""
    logger = logging.getLogger("hydrochat_otel")
    level, logger.level = logger.level, logging.CRITICAL + 1
    install(
        tracer_provider=TracerProvider(),
        meter_provider=MeterProvider(),
        metrics_token=web.TOKEN,
        instrument_gemini=False,
        state="memory",
    )
    try:
        for name in ("turn", "step"):
            with track_response_time(name):
                pass
        calls.count_one()
        yield
    finally:
        shutdown()
        logger.level = level


def targets():
    """Return every target; a pipeline is installed."""
    return (*files.TARGETS, *state.targets(), *web.targets(), *calls.targets(), *prometheus.TARGETS)


def fuzz(target, seconds, seed, *, keep=False):
    """Run one target for a time; with `keep`, what breaks it is written into its corpus."""
    random_, outcome = random.Random(f"{target.name} {seed}"), Outcome()
    until_s = time.monotonic() + seconds
    for data in target.inputs(random_):
        found = target.broken(data)
        outcome.executions += 1
        outcome.words[found if found.startswith(" ") else "broken"] += 1
        if not found.startswith(" ") and len(outcome.broken) < _MOST_BROKEN:
            outcome.broken.setdefault(found, data)
        if time.monotonic() > until_s and outcome.executions >= len(target.seeds):
            break
    if keep:
        for data in outcome.broken.values():
            folder = CORPUS / target.name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    return outcome


def fuzz_server(seconds, seed):
    """Send whole conversations to a server on a socket for a time."""
    before = failures.counts()
    with Server("127.0.0.1", 0) as server:
        seen = conversations.run(server.port, seconds, seed)
    broken = dict.fromkeys(seen.broken, b"")
    if (after := failures.counts()) != before:
        broken[f"failures grew from {before} to {after}"] = b""
    return Outcome(seen.executions, Counter(seen.statuses), broken)
