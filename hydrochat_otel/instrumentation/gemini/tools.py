"""Tools: functions of the application that the SDK runs because the model asked for it (automatic function calling).

A run has a span, a duration and an entry of a separate kind: it is not a call to Gemini. The function's name is
recorded through a closed set; its description, arguments and result are content and never read.
"""

import functools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NamedTuple

from opentelemetry import context as context_api
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import attribution, contexts, instruments
from hydrochat_otel.instrumentation.attribution import Within
from hydrochat_otel.instrumentation.feeds import Feed
from hydrochat_otel.instrumentation.finished import Ended
from hydrochat_otel.instrumentation.gemini import service_ids
from hydrochat_otel.instrumentation.gemini.call import wants_span
from hydrochat_otel.instrumentation.gemini.guarded_call import Guarded
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.instrumentation.operation import Work
from hydrochat_otel.runtime import failures
from hydrochat_otel.runtime.failures import contained
from hydrochat_otel.window.entry import Entry

_COMPONENT: Final = "google_genai.tool"
_ASKED_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.gemini.tools")
_MOST_ASKED: Final = 128
_INVOCATION: Final = "FunctionInvocationError"
"""Name of the SDK's exception around what the function raised."""

_Make = Callable[[Current, tuple[Any, ...], dict[str, Any]], Guarded | None]
Asked = list[tuple[str, str]]
"""Names and ids of the function calls of one reply, in the order in which the SDK runs them."""


class FinishedTool(NamedTuple):
    """One finished run of a tool.

    Attributes:
        using: The instruments that record it.
        name: Label of the function.
        within: The tracked operations that it ran in.
        ended: When and how it ended.
    """

    using: Instruments
    name: str
    within: Within
    ended: Ended

    def entry(self) -> Entry:
        """Return its entry for the window."""
        ended, within = self.ended, self.within
        return Entry(
            "tool",
            self.name,
            ended.duration_s,
            ended.end_unix_ns / 1e9,
            error=ended.error_type,
            outcome=ended.outcome,
            trace_id=ended.trace_id,
            span_id=ended.own_id,
            parent_span_id=ended.parent_span_id,
            root_operation=None if within.root == semconv.NONE else within.root,
            operation_name=None if within.operation == semconv.NONE else within.operation,
        )

    def feed(self) -> None:
        """Feed its duration, unless another instrumentation's span replaces ours."""
        ended, using = self.ended, self.using
        if not ended.is_traced:
            return
        key = (semconv.EXECUTE_TOOL, self.name, ended.error_type)
        feed = using.plans.get(key)
        if feed is None:
            attributes = {semconv.GEN_AI_TOOL_NAME: self.name, semconv.GEN_AI_TOOL_TYPE: semconv.TOOL_FUNCTION}
            error = {} if ended.error_type is None else {semconv.ERROR_TYPE: ended.error_type}
            feed = using.plans[key] = using.feed(semconv.GEN_AI_TOOL_DURATION, attributes | error)
        duration: Feed = feed  # type: ignore[assignment]  # under a key of this module
        duration.take(ended.duration_s, ended)


class ToolRun(Work):
    """One run of a tool in progress; a context manager around the function, whose span is current inside.

    Args:
        using: The instruments that record it.
        name: Name of the function, through the closed set.
        call_id: The id that the model gave its call of the function; empty for none.
    """

    __slots__ = ("_declared_error", "_name")

    def __init__(self, using: Instruments, name: str, call_id: str) -> None:
        outside = contexts.get_current()
        attributes: dict[str, AttributeValue] = {
            semconv.GEN_AI_OPERATION: semconv.EXECUTE_TOOL,
            semconv.GEN_AI_TOOL_NAME: name,
            semconv.GEN_AI_TOOL_TYPE: semconv.TOOL_FUNCTION,
        }
        if (known := service_ids.given(call_id)) is not None:
            attributes[semconv.GEN_AI_TOOL_CALL_ID] = known
        super().__init__(using, f"{semconv.EXECUTE_TOOL} {name}", attributes, outside, traced=wants_span(outside))
        self._name = name
        self._declared_error = ""

    def take(self, result: Any) -> None:
        """Note whether the result of an MCP tool states that it failed."""
        if getattr(result, "isError", None) or getattr(result, "is_error", None):
            self._declared_error = semconv.TOOL_ERROR

    def __enter__(self) -> None:
        """Make its span current; :class:`guarded_call.Guarded` restores the context."""
        contexts.attach(self.context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it with the function's exception."""
        if not self._close():
            return
        within = attribution.within(self.outside) or attribution.OUTSIDE
        declared = self._declared_error
        ended = self._ended(_raised(error), "error" if declared else None, declared or None, time.perf_counter_ns())
        try:
            self.end_span(ended, dict)
        except BaseException as failure:
            failures.note(_COMPONENT, failure)
        self.instruments.queue.put(FinishedTool(self.instruments, self._name, within, ended))


class _Announcement:
    """Publishes the function calls of a reply to the runs inside, which take their ids from it."""

    __slots__ = ("_asked",)

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __enter__(self) -> None:
        contexts.attach(context_api.set_value(_ASKED_KEY, self._asked))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing: :class:`guarded_call.Guarded` restores the context."""


# -- wrappers of the SDK's functions -----------------------------------------------------------------------------------


def run(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the function that runs a function of the application with the model's arguments."""
    return _inside(original, current, _begin)


def run_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that runs a coroutine function of the application."""
    return _inside_async(original, current, _begin)


def called_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that calls a tool of an MCP server; the result may state a failure."""

    @functools.wraps(original)
    async def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        tool: ToolRun | None = contained(_COMPONENT, _begin_mcp, current, args, kwargs)
        if tool is None:
            return await original(self, *args, **kwargs)
        with Guarded(tool, _COMPONENT):
            result = await original(self, *args, **kwargs)
            contained(_COMPONENT, tool.take, result)
            return result

    return watched


def answered(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the function that runs every function call of a reply."""
    return _inside(original, current, _announcement)


def answered_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that runs every function call of a reply."""
    return _inside_async(original, current, _announcement)


def _inside(original: Function, current: Current, make: _Make) -> Function:
    """Wrap a function so that it runs inside what `make` returns for its arguments, if that is anything."""

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        around: Guarded | None = contained(_COMPONENT, make, current, args, kwargs)
        if around is None:
            return original(*args, **kwargs)
        with around:
            return original(*args, **kwargs)

    return watched


def _inside_async(original: Function, current: Current, make: _Make) -> Function:
    """Do the same for a coroutine function."""

    @functools.wraps(original)
    async def watched(*args: Any, **kwargs: Any) -> Any:
        around: Guarded | None = contained(_COMPONENT, make, current, args, kwargs)
        if around is None:
            return await original(*args, **kwargs)
        with around:
            return await original(*args, **kwargs)

    return watched


def _begin(current: Current, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Guarded | None:
    if current() is None:
        return None
    function = args[1] if len(args) > 1 else kwargs.get("function_to_invoke")
    name = getattr(function, "__name__", "")
    return Guarded(_run(name if type(name) is str else ""), _COMPONENT)


def _begin_mcp(current: Current, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolRun | None:
    if current() is None:
        return None
    name = getattr(args[0] if args else kwargs.get("function_call"), "name", None)
    return _run(name if type(name) is str else "")


def _run(name: str) -> ToolRun:
    """Begin the run of a tool; a name that is none, or not in the closed set, is `other`."""
    using = instruments.current()
    return ToolRun(using, using.tool_names.admit(name) if name else semconv.OTHER, _id_of(name))


def _announcement(current: Current, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Guarded | None:
    if current() is None:
        return None
    candidates = getattr(args[0] if args else kwargs.get("response"), "candidates", None)
    parts = getattr(getattr(candidates[0], "content", None), "parts", None) if candidates else None
    asked: Asked = []
    for part in (parts or ())[:_MOST_ASKED]:
        called = getattr(part, "function_call", None)
        if called is not None:
            asked.append((str(called.name or ""), str(called.id or "")))
    return Guarded(_Announcement(asked), _COMPONENT) if any(call_id for _, call_id in asked) else None


def _id_of(name: str) -> str:
    """Return the id of the next function call of this name in the reply; empty for none."""
    asked = context_api.get_value(_ASKED_KEY)
    while isinstance(asked, list) and asked:
        called, call_id = asked.pop(0)
        if called == name:
            return str(call_id)
    return ""


def _raised(error: BaseException | None) -> BaseException | None:
    """Return the function's own exception: the SDK raises one of its own in its place."""
    if error is not None and type(error).__name__ == _INVOCATION and error.__context__ is not None:
        return error.__context__
    return error
