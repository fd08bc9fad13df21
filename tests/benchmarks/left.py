"""What is left on the host's path, function by function, and why it must stay."""

import cProfile
import pstats
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import gemini_calls, operations
from benchmarks.gemini_streams import Production
from rich.table import Table

import hydrochat_otel
from hydrochat_otel.instrumentation.tracker import track_response_time

_OURS: Final = str(Path(hydrochat_otel.__file__).parent) + "/"
_SDK: Final = "/opentelemetry/"
_ROUNDS: Final = 300
SMALL: Final = 0.01
"""A function with less than this share needs no reason."""

_Function = tuple[str, int, str]
"""File, line and name, as :mod:`cProfile` has them; a function of C has no file."""


class Left(NamedTuple):
    """A function on the path.

    Attributes:
        function: Module and name; those of OpenTelemetry's SDK are one.
        calls: How often one call passes it.
        share: Its share of our time on the path, functions of C that it calls included.
        why: Why it must stay.
    """

    function: str
    calls: float
    share: float
    why: str


def left(call: Callable[[], object], finish: Callable[[], object], *, rounds: int) -> list[Left]:
    """Return what is left on the path of a call, the largest share first."""
    profile = cProfile.Profile()
    for _ in range(3):
        call()
        finish()
    for _ in range(rounds):
        profile.enable()
        call()
        profile.disable()
    finish()
    times, calls = _by_function(pstats.Stats(profile))
    total = sum(times.values())
    return [
        Left(name, round(calls[name] / rounds, 2), time_s / total, WHY.get(name, ""))
        for name, time_s in sorted(times.items(), key=lambda one: -one[1])
    ]


def _by_function(stats: Any) -> tuple[dict[str, float], dict[str, int]]:
    times: dict[str, float] = {}
    calls: dict[str, int] = {}
    for function, (_, number, own_s, _, callers) in stats.stats.items():
        if name := _name_of(function):
            times[name] = times.get(name, 0.0) + own_s
            calls[name] = calls.get(name, 0) + number
        elif function[0] == "~":
            for caller, (_, _, in_caller_s, _) in callers.items():
                if name := _name_of(caller):
                    times[name] = times.get(name, 0.0) + in_caller_s
    return times, calls


def _name_of(function: _Function) -> str:
    """Return the name of a function of ours or of the SDK that ours calls; empty for others."""
    file, _, name = function
    if file.startswith(_OURS):
        return f"{file.removeprefix(_OURS).removesuffix('.py').replace('/', '.')}.{name}"
    return "opentelemetry" if _SDK in file else ""


def paths(*, rounds: int = _ROUNDS) -> Iterator[tuple[str, list[Left]]]:
    """Yield each path with what is left of it; instruments this process."""
    production, (finish, _) = Production(1), gemini_calls.ours()
    yield "a tracked call", left(track_response_time("operation")(operations.empty), finish, rounds=10 * rounds)
    calls = gemini_calls.cases(gemini_calls.Calls(production), production, finish)
    yield "a call to Gemini", left(calls["sync"].call, finish, rounds=rounds)
    yield "a stream of 100 chunks", left(calls["stream"].call, finish, rounds=rounds // 10)


def shown(path: str, found: list[Left]) -> Table:
    """Return the table of one path."""
    table = Table("function", "times", "share", "why it must stay", title=f"What is left of {path}")
    large = [one for one in found if one.share >= SMALL]
    for one in large:
        table.add_row(one.function, f"{one.calls:g}", f"{one.share:.1%}", one.why)
    table.add_row(f"{len(found) - len(large)} others", "", f"{1 - sum(one.share for one in large):.1%}", "")
    return table


_PLAIN: Final = {
    "plain_calls.timed": "Calls the function, looks whether its result is unfinished, and always restores the context.",
    "plain_calls._begin": "Makes the context of code inside current, unless the garbage collector runs.",
    "plain_calls._end": "Reads the clock, restores the context, makes the record and compares the threshold.",
}
_WORK: Final = {
    "operation.__init__": "Two clocks, the span, and the context in which code inside finds both.",
    "operation.begun": "Two clocks, the operations around it, and the span.",
    "operation.start_span": "A sampler, id generator or processor of the host may raise here.",
    "operation._close": "Only the first of several ends counts.",
    "operation._ending": "The name of an error goes through a closed set.",
    "operation._ended": "The duration by the monotonic clock, and the end from it.",
    "operation.ids_of": "Entries and exemplars carry the ids of the span and of the one around it.",
    "finished.end_span": "A dropped span, a lean one and one of another SDK end in different ways.",
}
_SPANS: Final = {
    "start_span": "Ids, the sampler's decision, and the fields that exporters read.",
    "get_span_context": "The API by which any code asks a span for its ids.",
    "end_own": "A span ends once, under its lock, and each processor gets it.",
}
_CALLS: Final = {
    "streams._steps_of": "The call's span is current while a chunk is fetched, and never in between.",
    "alike_chunks._read": "Each chunk has a time, and may be the last that states usage.",
    "wrappers.counted": "Calls the SDK with the context of the call, and restores it whatever happens.",
    "wrappers.noted": "Each HTTP request is an attempt; a repeated one may be charged for.",
    "guarded_call.begin": "Nothing of ours reaches the host: the guard of the beginning.",
    "guarded_call.begin_attempt": "The guard of an attempt's beginning.",
    "guarded_call.end_attempt": "The guard of an attempt's end.",
    "patched_sdk.current": "The instrumentation may be undone at any time, or another one be added.",
    "calls.begin": "The instruments that are bound now, and what the request asks for.",
    "call_labels.at": "Looks up the labels by operation, model and server.",
    "call_labels._client_url": "A client may be given another server.",
    "call.__init__": "The call, its span and what its replies state, found by its HTTP requests in the context.",
    "call.current_call": "An HTTP request finds its call in the context.",
    "call.complete": "The two steps of a reply that came whole.",
    "call.take": "A reply that cannot be read ends the call all the same.",
    "call.succeed": "Refused prompts and withheld answers are not successes.",
    "call._end": "The first end counts; span and record are made from the same values.",
    "call._record": "What the thread that drains needs, as plain values.",
    "attempts.__exit__": "An attempt's status and end.",
    "reply_record.read": "Usage, model, id and finish reason may be released or changed after the call.",
    "reply_record.ordinary": "Reads an ordinary reply in one pass, and recognises any other.",
    "reply_record._usage": "The record of usage, made with the first reply.",
    "reply_record.is_blocked": "As `call.succeed`.",
    "reply_facts.finish_reason": "Finish reasons are a closed set.",
    "reply_facts.is_blocked": "As `call.succeed`.",
    "reply_facts.merged": "Chunks of a stream state finish reasons one after another.",
}

WHY: Final[Mapping[str, str]] = {
    **{f"instrumentation.{name}": why for name, why in (_PLAIN | _WORK).items()},
    **{f"sdk.lean_spans.{name}": why for name, why in _SPANS.items()},
    **{f"instrumentation.gemini.{name}": why for name, why in _CALLS.items()},
    "sdk.unseen_spans.begin": "The span that a sampler drops is made only if something looks at it.",
    "sdk.span_processor.on_end": "Keeps spans of other libraries; ours are kept from their records.",
    "prices.usage_fields.values_of": "The first usage of a stream is all that most replies have.",
    "prices.counts.text_of": "Reads a member of an enumeration of the SDK.",
    "runtime.deferred_queue.put": "The queue is bounded: a full one is relieved by its producer.",
    "opentelemetry": "The SDK's switch for tracers, and its calls of the processors.",
}
"""Why each function must stay; a test compares the names with what runs."""
