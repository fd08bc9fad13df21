"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.tools`: the functions that the SDK runs for the model."""

import canary
import pytest
from google.genai import _extra_utils, types
from instrumentation.gemini.client_calls import lookup
from instrumentation.gemini.meters import Meters
from instrumentation.gemini.scenario_runner import FLASH, open_client
from opentelemetry import context as context_api, trace

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini.call import INFERENCE_KEY
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.performance import track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.replies import Part, Reply, answer, function_call
from hydrochat_otel.window.kept import made

seen = []


def watch(name: str) -> str:
    """Look at the wound.

    Args:
        name: Of the wound.
    """
    seen.append(trace.get_current_span())
    return name


async def watch_async(name: str) -> str:
    """Look at the wound.

    Args:
        name: Of the wound.
    """
    seen.append(trace.get_current_span())
    return name


def refuse(name: str) -> str:
    """Look at nothing.

    Args:
        name: Of the wound.
    """
    raise LookupError(canary.PATIENT)


def ask(client, *tools):
    """One request that the SDK answers the model's function calls of."""
    return client.models.generate_content(
        model=FLASH, contents="x", config=types.GenerateContentConfig(tools=list(tools))
    )


def tool_spans(meters):
    """The spans of tools."""
    return [span for span in meters.spans if span.attributes[semconv.GEN_AI_OPERATION] == "execute_tool"]


def test_a_function_that_the_sdk_runs_has_a_span_and_a_duration(emulator, meters, instrumentor):
    """Kind, name, type and id, current inside the function; the metric is exactly as long, and no call is added."""
    seen.clear()
    emulator.script(function_call("watch", {"name": "left"}, call_id="call_mock_001"), answer("Dry."))
    ask(open_client(emulator), watch)
    (span,) = tool_spans(meters)
    assert (span.name, span.kind.name, span.status.status_code.name) == ("execute_tool watch", "INTERNAL", "UNSET")
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "watch",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_mock_001",
    }
    assert [one.get_span_context().span_id for one in seen] == [span.context.span_id]
    ((labels, count, total_s),) = meters.points(semconv.GEN_AI_TOOL_DURATION)
    assert (labels, count) == ({"gen_ai.tool.name": "watch", "gen_ai.tool.type": "function"}, 1)
    assert total_s == pytest.approx((span.end_time - span.start_time) / 1e9, abs=1e-9)
    assert meters.measured().calls == {"ok": 2}


async def test_asynchronous_functions_and_threads_count_alike(emulator, meters, instrumentor):
    """A coroutine function is awaited, a plain one runs in a thread: each has its own span with its own id."""
    seen.clear()
    calls = tuple(Part(call=name, args={"name": "x"}, call_id=f"call_{name}") for name in ("watch", "watch_async"))
    emulator.script(Reply(parts=calls), answer("Dry."))
    config = types.GenerateContentConfig(tools=[watch, watch_async])
    client = open_client(emulator)  # an older SDK closes the connection when its client is collected
    await client.aio.models.generate_content(model=FLASH, contents="x", config=config)
    found = [(span.name, span.attributes[semconv.GEN_AI_TOOL_CALL_ID]) for span in tool_spans(meters)]
    assert found == [("execute_tool watch", "call_watch"), ("execute_tool watch_async", "call_watch_async")]
    assert [one.get_span_context().span_id for one in seen] == [span.context.span_id for span in tool_spans(meters)]


def test_what_the_function_raised_is_told_by_its_class(emulator, meters, instrumentor):
    """The SDK swallows it and tells the model; the span and the metric carry the class, and nothing the message."""
    emulator.script(function_call("refuse", {"name": "x"}), answer("Sorry."))
    ask(open_client(emulator), refuse)
    (span,) = tool_spans(meters)
    assert (span.attributes[semconv.ERROR_TYPE], span.status.status_code.name) == ("LookupError", "ERROR")
    assert canary.found_in(span.to_json()) == []
    ((labels, _, _),) = meters.points(semconv.GEN_AI_TOOL_DURATION)
    assert labels[semconv.ERROR_TYPE] == "LookupError"


def test_names_of_functions_are_a_closed_set(emulator, meters, instrumentor):
    """A function that is named after a record number is `other`."""

    def named(name: str) -> str:
        return name

    named.__name__ = f"visit_{canary.NRIC}"
    emulator.script(function_call(named.__name__, {"name": "x"}), answer("Dry."))
    ask(open_client(emulator), named)
    assert [span.attributes[semconv.GEN_AI_TOOL_NAME] for span in tool_spans(meters)] == ["other"]


def test_a_run_is_an_entry_of_a_kind_of_its_own(emulator, instrumentor):
    """The window keeps it as `tool`, with the tracked operation around it, and not as a call."""
    kept = []
    meters = Meters()
    using = Instruments(meters.tracer_provider.get_tracer("t"), meters.meter_provider.get_meter("t"), keep=kept.extend)
    instruments.bind(using)
    emulator.script(function_call("lookup", {"name": "x"}), answer("Dry."))
    with track_response_time("turn"):
        ask(open_client(emulator), lookup)
    using.queue.drain()
    meters.close()
    rows = [(entry.kind, entry.operation, entry.operation_name, entry.attempts) for entry in made(kept)]
    assert rows == [
        ("gemini", "generate_content", "turn", 1),
        ("tool", "lookup", "turn", None),
        ("gemini", "generate_content", "turn", 1),
        ("operation", "turn", None, None),
    ]


def test_another_instrumentations_span_stands_for_ours(emulator, meters, instrumentor):
    """Inside another GenAI instrumentation's call there is neither a span nor a duration of ours."""
    emulator.script(function_call("lookup", {"name": "x"}), answer("Dry."))
    token = context_api.attach(context_api.set_value(INFERENCE_KEY, True))
    try:
        ask(open_client(emulator), lookup)
    finally:
        context_api.detach(token)
    assert (meters.spans, meters.points(semconv.GEN_AI_TOOL_DURATION)) == ((), [])


def test_a_failure_of_ours_leaves_the_function_alone(emulator, meters, instrumentor, monkeypatch):
    """Where the telemetry fails, the function runs once, its result goes to the model, and the failure is counted."""
    seen.clear()

    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(meters.instruments.tool_names.__class__, "admit", fail)
    emulator.script(function_call("watch", {"name": "left"}), answer("Dry."))
    assert ask(open_client(emulator), watch).text == "Dry."
    assert len(seen) == 1
    assert failures.counts()["google_genai.tool"] == 1


def test_nothing_runs_through_us_once_it_is_undone(emulator, meters, instrumentor):
    """After `uninstrument` the SDK's own functions run the tools."""
    instrumentor.uninstrument()
    emulator.script(function_call("lookup", {"name": "x"}), answer("Dry."))
    ask(open_client(emulator), lookup)
    assert meters.spans == ()


class Session:
    """Stands in for a session with an MCP server."""

    async def call_tool(self, name, arguments):
        """Answer as a tool of the server: successfully, with a failure that the result states, or not at all."""
        seen.append(trace.get_current_span())
        if name == "broken":
            raise ConnectionError(canary.PATIENT)
        return Result(name)


class Result:
    """What the server answered."""

    def __init__(self, name):
        self.isError = name == "refused"
        self.content = [canary.PATIENT]


@pytest.mark.parametrize(
    ("name", "error"), [("lookup", None), ("refused", "tool_error"), ("broken", "ConnectionError")]
)
async def test_a_tool_of_an_mcp_server_has_a_span(meters, instrumentor, name, error):
    """The SDK calls it in a span that is current, with the model's id of the call and the failure that it states."""
    adapters = pytest.importorskip("google.genai._adapters", reason="this google-genai has no MCP tools")
    adapter = adapters.McpToGenAiToolAdapter(Session(), None)
    call = types.FunctionCall(name=name, id="call-1234", args={"name": canary.PATIENT})
    content = types.Content(role="model", parts=[types.Part(function_call=call)])
    reply = types.GenerateContentResponse(candidates=[types.Candidate(content=content)])
    (part,) = await _extra_utils.get_function_response_parts_async(reply, {name: adapter})
    assert part.function_response.name == name
    (span,) = tool_spans(meters)
    assert (span.name, span.attributes[semconv.GEN_AI_TOOL_CALL_ID]) == (f"execute_tool {name}", "call-1234")
    assert span.attributes.get(semconv.ERROR_TYPE) == error
    assert seen[-1].get_span_context() == span.context
    assert canary.PATIENT not in span.to_json()
