"""Promises of :mod:`hydrochat_otel.instrumentation.langgraph`, on the real library."""

import asyncio
import gc
import logging
import operator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from opentelemetry import trace

from hydrochat_otel.instrumentation import refusals
from hydrochat_otel.instrumentation.langgraph import TurnTracker, instrument_graph
from hydrochat_otel.instrumentation.tracker import get_performance_metrics, track_response_time
from hydrochat_otel.runtime import failures

SECRET = "Tan Wei Ling S8512340X"


class State(TypedDict):
    said: Annotated[list, operator.add]


def says(name):
    def node(state):
        return {"said": [name]}

    return node


async def asks(state):
    await asyncio.sleep(0)
    return {"said": ["asked"]}


def graph(*edges, checkpointer=None, **nodes):
    builder = StateGraph(State)
    for name, node in nodes.items():
        builder.add_node(name, node)
    for start, end in edges:
        builder.add_edge(start, end)
    return builder.compile(checkpointer=checkpointer)


@pytest.fixture
def ward(installed):
    """Three nodes: one that classifies, and two branches that run at the same time."""
    return instrument_graph(
        graph(
            (START, "classify"),
            ("classify", "scans"),
            ("classify", "depth"),
            classify=says("classify"),
            scans=says("scans"),
            depth=says("depth"),
        )
    )


def tree(exported):
    """Return each finished span with its parent's name and its status, in order of their names."""
    spans = exported.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return sorted((span.name, names.get(span.parent.span_id) if span.parent else None) for span in spans)


def outcomes():
    return sorted((row["operation"], row["outcome"], row["error"]) for row in window())


def window():
    return [entry.as_dict() for entry in get_performance_metrics()._store.live_entries("operation")]


ONE_TURN = [
    ("conversation_turn", None),
    ("conversation_turn.classify", "conversation_turn"),
    ("conversation_turn.depth", "conversation_turn"),
    ("conversation_turn.scans", "conversation_turn"),
]


async def drain(chunks):
    return [chunk async for chunk in chunks]


@pytest.mark.parametrize(
    "turn",
    [
        lambda compiled, state: compiled.invoke(state),
        lambda compiled, state: asyncio.run(compiled.ainvoke(state)),
        lambda compiled, state: list(compiled.stream(state)),
        lambda compiled, state: asyncio.run(drain(compiled.astream(state))),
        lambda compiled, state: list(compiled.stream(state, stream_mode=["updates", "custom", "messages"])),
    ],
    ids=["invoke", "ainvoke", "stream", "astream", "stream modes"],
)
def test_a_turn_is_one_operation_with_one_for_each_node(ward, exported, turn):
    """However a graph is called, a turn is one operation and each node one below it, parallel branches as well."""
    turn(ward, {"said": [SECRET]})
    assert tree(exported) == ONE_TURN
    assert {(row["outcome"], row["error"]) for row in window()} == {("ok", None)}
    assert failures.counts() == {}


def test_nothing_is_patched(installed, exported):
    """The given graph is unchanged; only the copy is tracked, and tracking it again changes nothing."""
    plain = graph((START, "classify"), classify=says("classify"))
    tracked = instrument_graph(plain)
    assert instrument_graph(tracked) is tracked
    plain.invoke({"said": []})
    assert tree(exported) == []
    tracked.invoke({"said": []})
    assert tree(exported) == ONE_TURN[:2]


def test_the_applications_own_callbacks_stay(ward, exported):
    """A call with callbacks of its own has both; a tracker can be passed like any other, too."""
    plain = graph((START, "classify"), classify=says("classify"))
    other = TurnTracker("other.turn")
    ward.invoke({"said": []}, {"callbacks": [other]})
    plain.invoke({"said": []}, {"callbacks": [TurnTracker("third.turn")]})
    assert trace.get_current_span() is trace.INVALID_SPAN
    names = [name for name, _ in tree(exported)]
    assert [names.count(name) for name in ("conversation_turn", "other.turn", "other.turn.depth", "third.turn")] == [
        1,
        1,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("call", "kind"), [("invoke", "thread"), ("ainvoke", "task"), ("ainvoke", "thread")], ids=" ".join
)
def test_what_a_node_starts_is_the_nodes_child(installed, exported, call, kind):
    """A span that a node's code starts has the node as parent, in threads and tasks, and nothing stays current."""

    def in_thread(state):
        with track_response_time("lookup"):
            return {"said": []}

    async def in_task(state):
        with track_response_time("lookup"):
            await asyncio.sleep(0)
        return {"said": []}

    node = in_thread if kind == "thread" else in_task
    compiled = instrument_graph(graph((START, "scans"), (START, "depth"), scans=node, depth=node))
    if call == "invoke":
        compiled.invoke({"said": []})
    else:
        asyncio.run(compiled.ainvoke({"said": []}))
    assert [pair for pair in tree(exported) if pair[0] == "lookup"] == [
        ("lookup", "conversation_turn.depth"),
        ("lookup", "conversation_turn.scans"),
    ]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_turn_inside_an_operation_is_its_child(ward, exported):
    """A turn is a child of the span that is current at the call of the graph."""
    with track_response_time("chat.request"):
        ward.invoke({"said": []})
    assert ("conversation_turn", "chat.request") in tree(exported)


def test_nothing_is_current_between_two_chunks(ward):
    """While the reader of a stream works, neither the turn nor a node is current."""
    for _ in ward.stream({"said": []}):
        assert trace.get_current_span() is trace.INVALID_SPAN


def test_the_same_node_may_run_many_times_at_once(installed, exported):
    """Parallel runs of one node are distinguished by run."""
    compiled = instrument_graph(_fanning_out())
    compiled.invoke({"said": []})
    assert [name for name, _ in tree(exported)].count("conversation_turn.measure") == 5


def _fanning_out():
    builder = StateGraph(State)
    builder.add_node("measure", says("measured"))
    builder.add_conditional_edges(START, lambda _: [Send("measure", {"said": []})] * 5)
    return builder.compile()


def test_a_subgraph_is_below_its_node(installed, exported):
    """Nodes of a subgraph are below the subgraph's node, by name and by parent."""
    inner = graph((START, "extract"), extract=asks)
    compiled = instrument_graph(graph((START, "intake"), intake=inner))
    asyncio.run(compiled.ainvoke({"said": []}))
    assert tree(exported) == [
        ("conversation_turn", None),
        ("conversation_turn.intake", "conversation_turn"),
        ("conversation_turn.intake.extract", "conversation_turn.intake"),
    ]


def test_an_interrupt_is_not_an_error(installed):
    """A node that waits for a person is cancelled, its turn is ok, and the resumed turn is another one."""

    def confirm(state):
        return {"said": [interrupt(SECRET)]}

    compiled = instrument_graph(graph((START, "confirm"), confirm=confirm, checkpointer=InMemorySaver()))
    config = {"configurable": {"thread_id": "1"}}
    compiled.invoke({"said": []}, config)
    assert outcomes() == [("conversation_turn", "ok", None), ("conversation_turn.confirm", "cancelled", None)]
    assert compiled.invoke(Command(resume="yes"), config) == {"said": ["yes"]}
    assert outcomes() == [
        ("conversation_turn", "ok", None),
        ("conversation_turn", "ok", None),
        ("conversation_turn.confirm", "cancelled", None),
        ("conversation_turn.confirm", "ok", None),
    ]


def test_a_command_to_the_parent_graph_is_not_an_error(installed):
    """A node of a subgraph that sends its parent elsewhere has ended well."""

    def leave(state):
        return Command(graph=Command.PARENT, goto="after", update={"said": []})

    builder = StateGraph(State)
    builder.add_node("intake", graph((START, "leave"), leave=leave), destinations=("after",))
    builder.add_node("after", says("after"))
    builder.add_edge(START, "intake")
    instrument_graph(builder.compile()).invoke({"said": []})
    assert {row for row in outcomes() if row[1] != "ok"} == set()


def test_closing_early_is_not_an_error(ward):
    """A stream that is closed or dropped before its end is a cancelled turn without an error, sync and async."""
    chunks = ward.stream({"said": []})
    next(chunks)
    chunks.close()
    assert ("conversation_turn", "cancelled", None) in outcomes()

    async def hear_beginning():
        chunks = ward.astream({"said": []})
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(hear_beginning())
    dropped = ward.stream({"said": []})
    next(dropped)
    del dropped
    gc.collect()
    assert outcomes().count(("conversation_turn", "cancelled", None)) == 3
    assert {error for _, _, error in outcomes()} == {None}


def test_a_cancelled_task_is_not_an_error(installed):
    """Cancelling the task of a turn cancels the turn and the node, and the cancellation is raised unchanged."""

    async def run():
        begun = asyncio.Event()

        async def wait(state):
            begun.set()
            await asyncio.Event().wait()

        turn = asyncio.create_task(instrument_graph(graph((START, "wait"), wait=wait)).ainvoke({"said": []}))
        await begun.wait()
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn

    asyncio.run(run())
    assert outcomes() == [("conversation_turn", "cancelled", None), ("conversation_turn.wait", "cancelled", None)]


def test_an_error_is_recorded_by_its_class(installed, exported, caplog):
    """An exception of a node is raised unchanged, and only its class is recorded."""
    caplog.set_level(logging.DEBUG, "hydrochat_otel")
    raised = ValueError(SECRET)

    def fail(state):
        raise raised

    with pytest.raises(ValueError) as caught:
        instrument_graph(graph((START, "save"), save=fail)).invoke({"said": [SECRET]})
    assert caught.value is raised
    assert outcomes() == [
        ("conversation_turn", "error", "ValueError"),
        ("conversation_turn.save", "error", "ValueError"),
    ]
    found = "".join(span.to_json() for span in exported.get_finished_spans()) + repr(window()) + caplog.text
    assert "Tan" not in found
    assert "S85" not in found


def test_thresholds_hold_for_turns_and_for_nodes(installed, caplog):
    """A turn has the given threshold, a node only one of its own; each violation is one warning."""
    compiled = graph((START, "classify"), ("classify", "save"), classify=says("classify"), save=says("save"))
    instrument_graph(compiled, "slow.turn", threshold_seconds=0, node_thresholds_seconds={"save": 0}).invoke(
        {"said": []}
    )
    exceeded = {row["operation"]: row["exceeded_threshold"] for row in window()}
    assert exceeded == {"slow.turn": True, "slow.turn.classify": False, "slow.turn.save": True}
    operations = sorted(message.rsplit(" ", 1)[1] for message in caplog.messages)
    assert operations == ["slow.turn", "slow.turn.save"]
    assert {record.name for record in caplog.records} == {"hydrochat_otel.performance"}


def test_node_names_are_a_closed_set(installed):
    """A node whose name is not an identifier is counted as other."""
    instrument_graph(graph((START, SECRET), **{SECRET: says("x")})).invoke({"said": []})
    assert [name for name, _, _ in outcomes()] == ["conversation_turn", "other"]
    assert refusals.by_label() == {"operation": 1}


def test_runs_that_never_end_are_bounded(installed, monkeypatch):
    """A run whose end is never reported is dropped when too many are open, and is counted."""
    monkeypatch.setattr("hydrochat_otel.instrumentation.langgraph._MOST_OPEN_RUNS", 2)
    tracker = TurnTracker()
    for run_id in range(3):
        tracker.on_chain_start(None, None, run_id=run_id)
    assert outcomes() == [("conversation_turn", "cancelled", None)]
    for run_id in range(3):
        tracker.on_chain_end(None, run_id=run_id)
    assert len(outcomes()) == 3
    assert failures.counts() == {"langgraph.unfinished": 1}
    assert tracker._runs == {}


def test_turns_in_many_threads_are_separate(ward, exported):
    """Turns of many threads at once each have their own nodes."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ward.invoke, [{"said": []} for _ in range(8)]))
    spans = exported.get_finished_spans()
    turns = {span.context.span_id: span.context.trace_id for span in spans if span.name == "conversation_turn"}
    nodes = [span for span in spans if span.name != "conversation_turn"]
    assert (len(turns), len(nodes)) == (8, 24)
    assert all(turns[span.parent.span_id] == span.context.trace_id for span in nodes)


def test_our_own_failure_does_not_reach_the_graph(installed, monkeypatch):
    """When the telemetry fails the turn continues, and the failure is counted."""
    monkeypatch.setattr("hydrochat_otel.instrumentation.tracked.Operation", None)
    compiled = instrument_graph(graph((START, "classify"), classify=says("classify")))
    assert compiled.invoke({"said": []}) == {"said": ["classify"]}
    assert set(failures.counts()) == {"langgraph.start"}
