"""The table of endpoints, and the one function that answers every request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.runtime import failures
from hydrochat_otel.web import data, page, paths
from hydrochat_otel.web.callbacks import raised_by_callback
from hydrochat_otel.web.delivery import delivered
from hydrochat_otel.web.guard import Handler
from hydrochat_otel.web.message import Refused, Request, Response, bodiless, failure


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: a name for hosts that name their URLs, its handler and its methods."""

    name: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Every method that is answered; HEAD is if GET is."""
        return tuple(sorted({*self.methods, "HEAD"})) if "GET" in self.methods else self.methods


ROUTES: Final[Mapping[str, Route]] = {
    paths.EXPORT_PATH: Route("export", data.export),
    paths.SCHEMA_PATH: Route("export-schema", data.schema),
    paths.HISTORY_PATH: Route("history", data.past),
    paths.OVERVIEW_PATH: Route("overview", data.overview_of_all),
    paths.TURNS_PATH: Route("turns", data.turns_of_window),
    paths.MONEY_PATH: Route("money", data.money_of_all),
    paths.OPENAPI_PATH: Route("openapi", data.description),
    paths.METRICS_PATH: Route("metrics", data.metrics),
    paths.HEALTH_PATH: Route("health", data.health),
    paths.PAGE_PATH: Route("page", page.page),
    paths.SIGN_IN_PATH: Route("sign-in", page.sign_in, ("POST",)),
    paths.SIGN_OUT_PATH: Route("sign-out", page.sign_out, ("POST",)),
}
_STATIC: Final = Route("static", page.static)
_FAILED: Final = failure(500, "The numbers could not be rendered; the application itself is not affected.")


def respond(request: Request) -> Response:
    """Answer one request on the calling thread; raises only exceptions from outside that are not ours.

    A callback of the application that raises `SystemExit` while its metrics are collected costs this answer only. An
    interrupt, or an exception of a signal handler of the application, is raised unchanged.

    Takes milliseconds, except for a history from Prometheus: up to
    :data:`hydrochat_otel.views.prometheus_server.DEADLINE_S`.
    """
    try:
        return delivered(request, _guarded(request))
    except Exception as error:
        failures.note("web", error)
        return _FAILED


def _guarded(request: Request) -> Response:
    try:
        return _answer(request)
    except Refused as refused:
        return refused.response
    except PipelineError as error:
        return failure(503, str(error), ("Retry-After", "5"))
    except Exception as error:
        failures.note("web", error)
        return _FAILED
    except BaseException as error:
        if not raised_by_callback(error):
            raise
        failures.note("web.callback")  # without the error: what is no Exception passes through it
        return failure(500, "A callback of the application for an observable instrument ended the collection.")


def _answer(request: Request) -> Response:
    path = request.path
    if not path and request.root:
        # The page's links are relative: they only work below the path that ends with a slash.
        return bodiless(308, ("Location", f"{quote(request.root)}/"))
    route = _STATIC if path.startswith(paths.STATIC_PREFIX) else ROUTES.get(path or "/") or ROUTES.get(f"{path}/")
    if route is None:
        raise page.nowhere()
    if request.method not in route.allowed:
        allowed = ", ".join(route.allowed)
        raise Refused(405, f"Only {allowed} is answered here.", ("Allow", allowed))
    return route.handler(request)
