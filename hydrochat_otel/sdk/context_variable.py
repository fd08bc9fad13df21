"""Reads and sets the current context in the variable in which OpenTelemetry's own runtime keeps it.

A call of ours reads and sets it several times, and a stream with each chunk; the API's functions call others in turn.
Any other runtime, or one whose variable does not do the same, keeps the API's functions.
"""

from contextvars import ContextVar
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.runtime import interruptions
from hydrochat_otel.sdk import fast_ways

NAME: Final = "context"


def bind(*, fast: bool) -> None:
    """Use the variable if it is as expected, else the API's functions."""
    variable, reason = (None, fast_ways.OFF) if not fast else _variable()
    if variable is None:
        contexts.use(context_api.get_current, context_api.attach)
        fast_ways.fall_back(NAME, reason)
        return
    contexts.use(variable.get, variable.set)
    fast_ways.use(NAME)


def _variable() -> tuple[ContextVar[Context] | None, str]:
    """Return the variable; None, and why, if there is none that does the same as the API."""
    runtime: Any = getattr(context_api, "_RUNTIME_CONTEXT", None)
    variable = getattr(runtime, "_current_context", None)
    if type(runtime).__name__ != "ContextVarsRuntimeContext" or type(variable) is not ContextVar:
        return None, f"not possible with a runtime context of the class {type(runtime).__name__}"
    try:
        same = _is_the_same(variable)
    except Exception as error:
        interruptions.pass_on(error)
        return None, f"not possible with this version of the API ({type(error).__name__})"
    return (variable, "") if same else (None, "not possible with this version of the API (another context)")


def _is_the_same(variable: ContextVar[Context]) -> bool:
    """Return whether each way sees what the other one set; restores the current context."""
    mine, theirs, before = Context({"set": "here"}), Context({"set": "there"}), context_api.get_current()
    if variable.get() is not before:
        return False
    try:
        variable.set(mine)
        seen = context_api.get_current()
        context_api.attach(theirs)
        return seen is mine and variable.get() is theirs
    finally:
        context_api.attach(before)
