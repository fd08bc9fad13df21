"""A pipeline whose snapshot never changes, so that every host shows the same numbers."""

from hydrochat_otel import semconv
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import Pipeline, PipelineError
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, NumberPoint, Retention, Snapshot

TOKEN = "token-of-the-tests-1234"
NOW_S = 1_760_000_000.0


def _counter(spec, *points):
    return Family(
        spec.name, "counter", spec.unit, spec.description, semconv.SCOPE, "",
        tuple(NumberPoint(attributes, value) for attributes, value in points),
    )  # fmt: skip


def _entries():
    for index in range(60):
        end_s = NOW_S - 30 * (60 - index)
        name = ("conversation_turn", "classify_intent")[index % 2]
        error = "ValueError" if index % 20 == 7 else None
        duration_s = 0.05 * (index % 53 + 1)
        yield Entry(
            "operation",
            name,
            duration_s,
            end_s,
            duration_s > 2,
            error,
            "error" if error else "ok",
            7 + index,
            90 + index,
        )
        if index % 3 == 0:
            yield Entry(
                "gemini", "generate_content", 0.4, end_s, model="gemini-2.0-flash-exp", trace_id=7 + index,
                span_id=400 + index, parent_span_id=90 + index, tokens=(100, 10, 0, 30, 5), cost_usd=0.000_021,
            )  # fmt: skip


_MODEL = {semconv.GEN_AI_REQUEST_MODEL: "gemini-2.0-flash-exp"}
_ENTRIES = tuple(_entries())
_SIXTEEN = (*(1,) * 16, *(0,) * (len(semconv.OPERATION_EDGES_S) - 15))
"""One operation in each of the first sixteen buckets."""
SNAPSHOT = Snapshot(
    unix_s=NOW_S,
    resource={"service.name": "frozen"},
    families=(
        Family(
            semconv.OPERATION_DURATION.name, "histogram", "s", "How long.", semconv.SCOPE, "",
            (HistogramPoint({semconv.OPERATION: "conversation_turn"}, semconv.OPERATION_EDGES_S,
                            _SIXTEEN, 12.5, (Exemplar(0.3, NOW_S, f"{7:032x}", f"{90:016x}"),)),),
        ),
        _counter(semconv.LLM_CALLS, ({**_MODEL, semconv.OUTCOME: "ok"}, 20), ({**_MODEL, semconv.OUTCOME: "error"}, 1)),
        _counter(semconv.LLM_TOKENS, *(({**_MODEL, semconv.TOKEN_BUCKET: one}, 100) for one in semconv.TOKEN_BUCKETS)),
        _counter(semconv.LLM_COST, (_MODEL, 0.000_42)),
    ),
    entries=_ENTRIES,
    retention=Retention(1000, 24.0, len(_ENTRIES), len(_ENTRIES) / 10),
    counted_since_unix_s=NOW_S - 3600,
)  # fmt: skip


def install():
    """Install a pipeline and freeze its snapshot; for a separate process."""
    try:
        pipeline.current()
    except PipelineError:
        pipeline.install(metrics_token=TOKEN, instrument_gemini=False)
    Pipeline.snapshot = lambda _: SNAPSHOT
    Pipeline.metrics = lambda _: SNAPSHOT.metrics()
