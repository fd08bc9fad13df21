"""Promise: whichever function of the write side fails, the host continues unchanged."""

import gc
import importlib
import inspect
import pkgutil
import sys
import types

import pytest
from faults import hosts
from faults.surfaces import SURFACES
from opentelemetry import context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext

import hydrochat_otel.instrumentation
import hydrochat_otel.runtime
import hydrochat_otel.window
from hydrochat_otel.instrumentation.gemini import calls, late_usage, live_interactions, storage, wrappers
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import deferred_queue, failures

pytestmark = pytest.mark.thorough

ROOMS = (hydrochat_otel.instrumentation, hydrochat_otel.runtime, hydrochat_otel.window)

CARRIERS = (
    # They run the host's own work, which is missing without them.
    "instrumentation.stretches.run",
    "instrumentation.stretches._within",
    "instrumentation.stretches._do",
    "instrumentation.stretches.steps_of",
    "instrumentation.tracker.ResponseTimeTracker.__enter__",
    "instrumentation.tracker.ResponseTimeTracker.__exit__",
    "instrumentation.gemini.streams.Watched",
    "instrumentation.results.lazily",
    # The methods of a context that the host looks at: those of any context, after a contained step.
    "instrumentation.late_contexts.LateContext.__",
    *(f"instrumentation.late_contexts.LateContext.{name}" for name in vars(dict) if not name.startswith("__")),
    # LangChain calls these, and catches their exceptions as far as it can.
    "instrumentation.langgraph.TurnTracker.on_chain",
    # The guards themselves: a dozen lines each, which call only what they guard.
    "instrumentation.gemini.guarded_call.",
    "instrumentation.gemini.wrappers.contained",
    "instrumentation.langgraph.TurnTracker._end",
    "runtime.background.guarded",
    "runtime.failures.note",
    "runtime.failures.contained",
    "runtime.interruptions.is_the_hosts",
    # They only release. Without them a lock of the process that any thread holds at that moment is never free again.
    "runtime.forks.ForkLock.__exit__",
    "runtime.forks.ForkLock.release",
)


class InjectedError(Exception):
    """The exception of a failing function of ours."""


class InjectedBaseError(BaseException):
    """The same, past `except Exception`."""


def functions():
    """Return every function of these packages, with its name and the object that has it as an attribute."""
    for room in ROOMS:
        for found in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            module = importlib.import_module(found.name)
            for name, value in list(vars(module).items()):
                if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
                    yield f"{module.__name__}.{name}", module, name, value
                if inspect.isclass(value) and value.__module__ == module.__name__:
                    for method, function in list(vars(value).items()):
                        if _is_written_here(function, module):
                            yield f"{module.__name__}.{name}.{method}", value, method, function


def _is_written_here(function, module):
    plain = function.fget if isinstance(function, property) else getattr(function, "__func__", function)
    return isinstance(plain, types.FunctionType) and plain.__code__.co_filename == module.__file__


def replaced(owner, name, function, error):
    """Replace this function by a raising one wherever it was imported; return a function that undoes it."""

    def raising(*args, **kwargs):
        raise error

    standing = property(raising) if isinstance(function, property) else raising
    if isinstance(function, staticmethod | classmethod):
        standing = type(function)(raising)
    places = [(owner, name)]
    if isinstance(owner, types.ModuleType):
        modules = [module for key, module in list(sys.modules.items()) if key.startswith("hydrochat_otel")]
        places = [(module, key) for module in modules for key, value in list(vars(module).items()) if value is function]
    for place, key in places:
        setattr(place, key, standing)
    return lambda: [setattr(place, key, function) for place, key in places]


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a finaliser that itself raises
@pytest.mark.parametrize("error", [InjectedError, SystemExit])
def test_the_host_continues_whatever_fails(installed, error):
    """Each function of instrumentation, runtime and window raises in turn; results, errors and context stay."""
    assert hosts.changes() == {}
    changed, tried = {}, 0
    for path, owner, name, function in functions():
        short = path.removeprefix("hydrochat_otel.")
        if short.startswith(CARRIERS):
            continue
        undo = replaced(owner, name, function, error)
        try:
            recorded = hosts.changes()
        finally:
            undo()
        tried += 1
        if recorded:
            changed[short] = recorded
    assert changed == {}
    assert tried > 300
    assert hosts.changes() == {}
    # Work that the faults left unfinished fails here, and not in the next test.
    gc.collect()
    deferred_queue.drain_all(5.0)


@pytest.fixture
def dropping():
    """Install on a provider whose sampler drops every span."""
    installed = pipeline.install(
        tracer_provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        instrument_gemini=False,
    )
    yield installed
    installed.shutdown()


@pytest.mark.parametrize("error", [InjectedError, SystemExit])
def test_the_host_continues_whatever_fails_in_a_call_whose_span_is_dropped(dropping, error):
    """Calls that look at their context, and calls that do not, alone and inside a request that is not sampled."""
    request = trace.set_span_in_context(NonRecordingSpan(SpanContext(3, 4, is_remote=True)), context.Context())
    looking = track_response_time("looking")(lambda: (trace.get_current_span().is_recording(), context.get_value("x")))
    work = track_response_time("work")(looking)

    def changes():
        found = []
        for around in (context.Context(), request):
            token = context.attach(around)
            found += [call() for call in (looking, work, looking)] + [context.get_current() is around]
            context.detach(token)
        return found

    unchanged = [(False, None), (False, None), (False, None), True] * 2
    modules = ("plain_calls", "late_contexts", "operation", "usual", "finished", "attribution", "tracked")
    theirs, changed = tuple(f"instrumentation.{module}." for module in modules), {}
    for path, owner, name, function in functions():
        short = path.removeprefix("hydrochat_otel.")
        if not short.startswith(theirs) or short.startswith(CARRIERS):
            continue
        undo = replaced(owner, name, function, error)
        try:
            recorded = changes()
        finally:
            undo()
        if recorded != unchanged:
            changed[short] = recorded
    assert changed == {}
    assert changes() == unchanged
    deferred_queue.drain_all(5.0)


LATE = [
    (wrappers.Replied, "begin"),
    (calls.Calls, "begin"),
    (late_usage.Begun, "take"),
    (storage.Storage, "store"),
    (live_interactions, "_hold"),
    (live_interactions, "_leave"),
    (live_interactions, "_take_events"),
]


@pytest.mark.parametrize("place", LATE, ids=lambda place: f"{place[0].__name__.rpartition('.')[2]}.{place[1]}")
@pytest.mark.parametrize("error", [InjectedError, InjectedBaseError, SystemExit])
def test_a_failure_beside_a_reply_is_counted_once(installed, monkeypatch, place, error):
    """Each time that it raises, one failure is counted, and the host has what the SDK returned or raised."""
    raised = []

    def raising(*args, **kwargs):
        raised.append(1)
        raise error

    monkeypatch.setattr(*place, raising)
    for surface in SURFACES.values():
        surface()
    assert raised
    assert sum(failures.counts().values()) == len(raised)
