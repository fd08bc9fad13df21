"""Handlers that answer with data: export, history, overview, metrics, their descriptions, and the liveness check."""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Final

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import process_globals
from hydrochat_otel.views import formats, history, json_export, money, overview, prometheus, thresholds, turns
from hydrochat_otel.views.entry_page import DEFAULT_LIMIT, Filter
from hydrochat_otel.views.history import Steps
from hydrochat_otel.views.prometheus import Format, KeptBodies
from hydrochat_otel.views.prometheus_server import PrometheusError
from hydrochat_otel.views.turns import Turn
from hydrochat_otel.web import openapi, queries
from hydrochat_otel.web.guard import closed
from hydrochat_otel.web.message import JSON, Refused, Request, Response, answer, failure
from hydrochat_otel.web.shared_work import SharedWork
from hydrochat_otel.window.snapshot import Snapshot

_scrapes: Final[Mapping[Format, SharedWork[Response]]] = {format_: SharedWork() for format_ in Format}
_bodies: Final = KeptBodies()
_SCHEMA = "application/schema+json; charset=utf-8"


@closed
def export(request: Request) -> Response:
    """Answer with the export, and with the window's entries if the query asks for them."""
    asked = queries.read(request.query, queries.EXPORT)
    entries = asked["entries"]
    if entries is None:
        entries = asked["limit"] is not None or asked["cursor"] is not None
    shown = Filter(
        asked["since"],
        asked["operation"],
        entries=entries,
        days=asked["days"],
        limit=asked["limit"] or DEFAULT_LIMIT,
        cursor=asked["cursor"],
    )
    return _tagged(json_export.render(pipeline.current().snapshot(), shown))


@closed
def past(request: Request) -> Response:
    """Answer with the history: from Prometheus if one is configured, otherwise from the window."""
    asked = queries.read(request.query, queries.HISTORY)
    running = pipeline.current()
    settings, snapshot = running.settings, running.snapshot()
    steps = Steps.over(snapshot.unix_s, asked["window"], asked["step"])
    if settings.prometheus_url is None:
        document = history.from_window(snapshot, steps)
    else:
        try:
            document = history.from_prometheus(
                settings.prometheus_url, steps, matchers=settings.prometheus_matchers or ""
            )
        except PrometheusError as error:
            return failure(error.status, str(error), *([("Retry-After", "1")] if error.status == 503 else []))  # noqa: PLR2004 - service unavailable
    return _tagged(formats.encoded(document))


def _tagged(text: bytes) -> Response:
    return answer(JSON, text, ("ETag", json_export.entity_tag(text)))


@closed
def overview_of_all(request: Request) -> Response:
    """Answer with what the page shows."""
    queries.read(request.query, ())
    running = pipeline.current()
    snapshot = running.snapshot()
    threshold_s = running.settings.response_time_threshold_s
    return answer(JSON, overview.render(snapshot, thresholds.evaluate(snapshot), threshold_s=threshold_s))


@closed
def turns_of_window(request: Request) -> Response:
    """Answer with the turns of the window that match, or with one of them in full."""
    asked = queries.read(request.query, queries.TURNS)
    running = pipeline.current()
    snapshot, trace_url = running.snapshot(), running.settings.trace_url
    collected = kept_turns(snapshot)
    if asked["turn"] is not None:
        turn = turns.waterfall(collected, asked["turn"], trace_url)
        if turn is None:
            raise Refused(404, "This turn is not in the window: it has left, or never was in it.")
        return answer(JSON, formats.encoded(turn, indented=False))
    search = turns.Search(
        operation=asked["operation"],
        condition=asked["outcome"],
        model=asked["model"],
        min_duration_s=asked["min_duration"],
        min_cost_usd=asked["min_cost"],
        since_unix_s=asked["since"],
        limit=asked["limit"] or turns.DEFAULT_TURNS,
    )
    document = turns.document(collected, search, unix_s=snapshot.unix_s, trace_url=trace_url)
    return answer(JSON, formats.encoded(document, indented=False))


@closed
def money_of_all(request: Request) -> Response:
    """Answer with the dollars by operation, model and dimension, and the forecast of the month."""
    queries.read(request.query, ())
    running = pipeline.current()
    snapshot = running.snapshot()
    document = money.document(snapshot)
    return answer(JSON, formats.encoded(document, indented=False))


@closed
def metrics(request: Request) -> Response:
    """Answer a scrape; query parameters are ignored, because a scrape configuration may add its own.

    A scrape gets the numbers of all processes or none: a part of them would look like counters that fell. Scrapes that
    wait at the same moment share one answer, unless making it is quick.
    """
    exposition = prometheus.negotiate(request.headers.get("accept"))
    return _scrapes[exposition].done(lambda: _scrape(exposition), arrived_s=request.arrived_s)


def _scrape(exposition: Format) -> Response:
    running = pipeline.current()
    if (exporter := running.pushes_to()) is not None:
        raise Refused(409, f"This process pushes its metrics ({exporter}); scraping would count them twice.")
    found = running.metrics()
    if found.sharing.problem is not None:
        raise Refused(503, found.sharing.problem, ("Retry-After", "2"))
    body = _bodies.render(found, exposition)
    return answer(exposition.content_type, body, ("Vary", "Accept"))


@closed
def schema(request: Request) -> Response:
    """Answer with the JSON Schema of the export."""
    queries.read(request.query, ())
    return described(_SCHEMA, json_export.schema())


@closed
def description(request: Request) -> Response:
    """Answer with the OpenAPI description."""
    queries.read(request.query, ())
    return described(JSON, openapi.render())


def health(_: Request) -> Response:
    """Answer any client that the process is alive, and nothing else."""
    return answer(JSON, b'{"status":"ok"}\n')


def _forget() -> None:
    _bodies.forget()
    for shared in _scrapes.values():
        shared.forget()


process_globals.register("answers to scrapes", _forget)


def kept_turns(snapshot: Snapshot) -> list[Turn]:
    """Return the turns of the window, and the notable ones of all processes that have left it."""
    return turns.collect(turns.with_notable(snapshot.entries, pipeline.current().notable_entries()))


def described(content_type: str, body: bytes) -> Response:
    """Return an answer that only a new version of the package changes, with its entity tag."""
    return answer(content_type, body, ("ETag", _tag(body)))


@cache
def _tag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'
