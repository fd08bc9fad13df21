"""The host's work, decorated and instrumented once at import: each function checks that none of it changed."""

import operator
from typing import Annotated, TypedDict

from faults.interrupting import SCENARIOS as TRACKED, drive, track
from faults.surfaces import SURFACES
from langgraph.graph import START, StateGraph
from opentelemetry import context

from hydrochat_otel.instrumentation.gemini import wrappers
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.langgraph import instrument_graph
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.prices.book import PriceBook

CALLS = Calls(PriceBook(None))


class HostError(Exception):
    """An exception of the host's own code; none of ours may replace it."""


class Reply:
    """A reply of the SDK, with the fields that are read."""

    def __init__(self):
        self.model_version = "gemini-2.0-flash"
        self.candidates = ()
        self.usage_metadata = Usage()


class Usage:
    """What the reply says was used."""

    def __init__(self):
        self.prompt_token_count = 100
        self.candidates_token_count = 20
        self.total_token_count = 120


REPLY = Reply()


class Request:
    """Replaces the SDK's client that sends one HTTP request."""

    def send(self, fails):
        if fails:
            raise HostError
        return REPLY

    async def send_async(self, fails):
        return Request.send(self, fails)


Request.send = wrappers.attempt(Request.send, lambda: CALLS, "")
REQUEST = Request()


class Models:
    """Replaces the SDK's models: each function sends one request, and replies or fails."""

    _api_client = None

    def generate(self, *, model, fails=False):
        return REQUEST.send(fails)

    async def generate_async(self, *, model, fails=False):
        return await REQUEST.send_async(fails)

    def stream(self, *, model, fails=False):
        yield REPLY
        yield REQUEST.send(fails)

    async def stream_async(self, *, model, fails=False):
        async def chunks():
            yield REPLY
            yield REQUEST.send(fails)

        return chunks()


for name, wrap in {
    "generate": wrappers.unary,
    "generate_async": wrappers.unary_async,
    "stream": wrappers.stream,
    "stream_async": wrappers.stream_async,
}.items():
    setattr(Models, name, wrap(getattr(Models, name), lambda: CALLS, "generate_content"))
MODELS = Models()
ASKED = {"model": "gemini-2.0-flash"}


def call():
    assert MODELS.generate(**ASKED) is REPLY
    _fails(lambda: MODELS.generate(**ASKED, fails=True))


def call_async():
    assert drive(MODELS.generate_async(**ASKED)) is REPLY
    _fails(lambda: drive(MODELS.generate_async(**ASKED, fails=True)))


def stream():
    assert list(MODELS.stream(**ASKED)) == [REPLY, REPLY]
    _fails(lambda: list(MODELS.stream(**ASKED, fails=True)))
    left = MODELS.stream(**ASKED)
    assert next(left) is REPLY
    left.close()


def stream_async():
    async def items(fails):
        return [item async for item in await MODELS.stream_async(**ASKED, fails=fails)]

    assert drive(items(False)) == [REPLY, REPLY]
    _fails(lambda: drive(items(True)))


def _fails(ask):
    try:
        ask()
    except HostError:
        return
    raise AssertionError("the host's own exception was lost")


class State(TypedDict):
    said: Annotated[list, operator.add]


def _graph():
    builder = StateGraph(State)
    builder.add_node("classify", lambda _: {"said": ["classified"]})
    builder.add_edge(START, "classify")
    return instrument_graph(builder.compile())


GRAPH = _graph()


def graph():
    assert GRAPH.invoke({"said": []}) == {"said": ["classified"]}


@track
def _fails_by_itself():
    raise HostError


def failing():
    _fails(_fails_by_itself)


@track_response_time("slow", threshold_seconds=0)
def slow():
    """Exceed its threshold, which is a warning in the log."""


EVERYTHING = {
    **TRACKED,
    **SURFACES,
    "failing": failing,
    "slow": slow,
    "call": call,
    "call async": call_async,
    "stream": stream,
    "stream async": stream_async,
    "graph": graph,
}


def changes():
    """Run all of the host's work; return what changed, by name."""
    changed = {}
    for name, do in EVERYTHING.items():
        try:
            do()
        except BaseException as error:
            changed[name] = repr(error)
        if context.get_current():
            changed[name] = "something stayed current"
            context.attach(context.Context())
    return changed
