"""LangGraph: one operation for each turn through a compiled graph, and below it one for each run of a node.

    graph = instrument_graph(builder.compile())

Nothing is patched: the graph gets a callback handler, which never reads state, messages or results of nodes.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import GraphBubbleUp, GraphDrained, GraphInterrupt
from langgraph.pregel import Pregel
from opentelemetry import context as context_api
from opentelemetry.context import Context

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import tracked
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import Outcome

_NODE_TAG: Final = "graph:step:"
_MOST_OPEN_RUNS: Final = 10_000
_RUN_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.langgraph.run")

_Graph = TypeVar("_Graph", bound=Pregel)  # type: ignore[type-arg]  # with any type of state and context


def instrument_graph(
    compiled: _Graph,
    operation_name: str = "conversation_turn",
    *,
    threshold_seconds: float | None = None,
    node_thresholds_seconds: Mapping[str, float] | None = None,
) -> _Graph:
    """Return a copy of a compiled graph whose turns and nodes are tracked; a tracked graph is returned unchanged.

    Every `invoke`, `ainvoke`, `stream` and `astream` is one operation, every run of a node one below it, named
    ``conversation_turn.classify``; nodes of a subgraph are below the node of the subgraph. Spans that a node's code
    starts, such as calls to Gemini, are children of the node's.

    A node that interrupts and a stream that is closed early are cancelled, which is not an error.

    Args:
        compiled: The result of ``StateGraph.compile()``; it is not changed.
        operation_name: Of a turn.
        threshold_seconds: A longer turn is a violation; None takes `HYDROCHAT_RESPONSE_TIME_THRESHOLD`.
        node_thresholds_seconds: The same by name of node; nodes without one have none.
    """
    callbacks = (compiled.config or {}).get("callbacks")
    handlers = callbacks if isinstance(callbacks, list) else getattr(callbacks, "handlers", [])
    if any(isinstance(handler, TurnTracker) for handler in handlers):
        return compiled
    tracker = TurnTracker(
        operation_name, threshold_seconds=threshold_seconds, node_thresholds_seconds=node_thresholds_seconds
    )
    return compiled.with_config(callbacks=[tracker])


class _Run:
    """A run; one within a node that is not a node itself shares the node's operation and does not own it."""

    __slots__ = ("before", "inside", "is_over", "operation", "owns")

    def __init__(self, operation: Operation, *, owns: bool = True) -> None:
        self.operation = operation
        self.owns = owns
        self.is_over = False
        self.before: Context | None = None
        self.inside: Context | None = None

    def enter(self) -> None:
        """Make the operation's span current where the node will run."""
        self.before = context_api.get_current()
        self.inside = context_api.set_value(_RUN_KEY, self, self.operation.context)
        context_api.attach(self.inside)

    def leave(self) -> None:
        """Undo :meth:`enter`.

        Not by token: a token belongs to one context, and the node may end in a copy of it. Several trackers leave in
        the order in which they entered, so a tracker that is not current leaves the context to the current one.
        """
        self.is_over = True
        if self.before is None or context_api.get_current() is not self.inside:
            return
        context = self.before
        while isinstance(run := context.get(_RUN_KEY), _Run) and run.is_over and run.before is not None:
            context = run.before
        context_api.attach(context)


class TurnTracker(BaseCallbackHandler):
    """The callback handler that :func:`instrument_graph` adds to a graph; takes the same arguments.

    For hosts that pass ``config={"callbacks": [...]}`` to each call. One tracker may serve any number of graphs and
    turns at once, from any thread.
    """

    # Called where the node will run, not in a pool, so that its span can be current there.
    run_inline = True
    # Nothing of ours is raised; a time limit of the host's that interrupts the tracker must reach the host.
    raise_error = True
    ignore_agent = True
    ignore_chat_model = True
    ignore_custom_event = True
    ignore_llm = True
    ignore_retriever = True
    ignore_retry = True

    def __init__(
        self,
        operation_name: str = "conversation_turn",
        *,
        threshold_seconds: float | None = None,
        node_thresholds_seconds: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self._operation_name = operation_name
        self._threshold_s = threshold_seconds
        self._node_thresholds_s = dict(node_thresholds_seconds or {})
        self._runs: dict[UUID, _Run] = {}

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 - the handler's signature
        inputs: Any,  # noqa: ARG002 - the state, which is never read
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Begin a turn or a node; raises nothing of ours."""
        before = context_api.get_current()
        try:
            parent = self._runs.get(parent_run_id) if parent_run_id is not None else None
            if parent is None:
                run = _Run(self._begin_turn())
            elif any(tag.startswith(_NODE_TAG) for tag in tags or ()):
                run = self._begin_node(parent.operation, str((metadata or {}).get("langgraph_node", semconv.OTHER)))
            else:
                run = _Run(parent.operation, owns=False)
            self._keep(run_id, run)
        except BaseException as error:
            if context_api.get_current() is not before:
                context_api.attach(before)
            failures.note("langgraph.start", error)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002 - never read
        """End a turn or a node; raises nothing of ours."""
        self._end(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """End a turn or a node with what it raised; raises nothing of ours."""
        self._end(run_id, error)

    def _begin_turn(self) -> Operation:
        return tracked.begin(self._operation_name, self._threshold_s)

    def _begin_node(self, parent: Operation, node: str) -> _Run:
        threshold_s = self._node_thresholds_s.get(node, tracked.NO_THRESHOLD)
        # The parent is given explicitly: another thread, or the reader of a stream, may have another span current.
        token = context_api.attach(parent.context)
        try:
            operation = tracked.begin(f"{parent.labels.name}.{node}", threshold_s, parent.instruments)
        finally:
            context_api.detach(token)
        run = _Run(operation)
        run.enter()
        return run

    def _keep(self, run_id: UUID, run: _Run) -> None:
        # No lock: each step is one operation of the dictionary, and a signal handler may run a graph of its own here.
        self._runs[run_id] = run
        if len(self._runs) <= _MOST_OPEN_RUNS:
            return
        oldest = self._runs.pop(next(iter(self._runs)), None)
        failures.note("langgraph.unfinished")
        if oldest is not None and oldest.owns:
            oldest.operation.finish(outcome="cancelled")

    def _end(self, run_id: UUID, error: BaseException | None) -> None:
        run = self._runs.pop(run_id, None)
        if run is None or not run.owns:
            return
        try:
            run.leave()
            _finish(run.operation, error)
        except BaseException as failure:
            if run.before is not None and context_api.get_current() is run.inside:
                context_api.attach(run.before)
            failures.note("langgraph.end", failure)


def _finish(operation: Operation, error: BaseException | None) -> None:
    outcome: Outcome | None = None
    if isinstance(error, GraphInterrupt | GraphDrained):
        outcome = "cancelled"  # the node starts again from its beginning when the turn is resumed
    elif isinstance(error, GraphBubbleUp):
        outcome = "ok"  # a command to the parent graph travels as an exception
    tracked.end(operation, error, outcome)
