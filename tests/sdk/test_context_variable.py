"""Promises of :mod:`hydrochat_otel.sdk.context_variable`: the same context as the API's, or the API's own functions."""

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.sdk import context_variable, fast_ways


class OtherRuntime(ContextVarsRuntimeContext):
    """A runtime of another library, which does more when it sets a context."""


class ForgetfulRuntime:
    """A runtime that reads its context elsewhere."""

    def __init__(self, runtime):
        self._current_context = runtime._current_context

    def attach(self, context):
        """Set nothing."""

    def get_current(self):
        """Return another context each time."""
        return Context()


ForgetfulRuntime.__name__ = "ContextVarsRuntimeContext"


def test_each_way_sees_what_the_other_one_set():
    """With the API's own runtime the variable is in use, and the current context is the same as before the binding."""
    before = context_api.get_current()
    context_variable.bind(fast=True)
    assert fast_ways.report()["context"] == fast_ways.IN_USE
    assert contexts.get_current is not context_api.get_current
    assert context_api.get_current() is before
    mine = Context({"a": 1})
    try:
        contexts.attach(mine)
        assert context_api.get_current() is mine
    finally:
        contexts.attach(before)
    assert contexts.get_current() is context_api.get_current() is before


def test_another_runtime_keeps_the_functions_of_the_api(monkeypatch):
    """A runtime of another class, or one whose variable is not what it reads, is used through the API only."""
    own = context_api._RUNTIME_CONTEXT
    for runtime in (OtherRuntime(), ForgetfulRuntime(own), object()):
        monkeypatch.setattr(context_api, "_RUNTIME_CONTEXT", runtime)
        context_variable.bind(fast=True)
        assert contexts.get_current is context_api.get_current
        assert contexts.attach is context_api.attach
        assert fast_ways.report()["context"].startswith("not possible")


def test_it_can_be_turned_off():
    """Without fast ways the API's functions are called."""
    context_variable.bind(fast=False)
    assert (contexts.get_current, contexts.attach) == (context_api.get_current, context_api.attach)
    assert fast_ways.report()["context"] == fast_ways.OFF
