"""System checks: what is missing before the numbers can be seen, each with what to do."""

import os
import re
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Info, Warning  # noqa: A004 - the framework's name
from django.urls import NoReverseMatch, reverse

from hydrochat_otel.pipeline import pipeline

TAG: Final = "hydrochat_otel"

_AUTHENTICATION: Final = "django.contrib.auth.middleware.AuthenticationMiddleware"
_SECURITY: Final = "django.middleware.security.SecurityMiddleware"


def check(**_: Any) -> list[CheckMessage]:
    """Return what Django prints at ``manage.py check`` and before ``runserver``."""
    return [*_access(), *_urls(), *_processes()]


def _access() -> Iterator[CheckMessage]:
    has_token = pipeline.current().settings.metrics_token is not None
    has_accounts = _AUTHENTICATION in settings.MIDDLEWARE
    if not has_token and not has_accounts:
        yield Warning(
            "The endpoints are closed: no token is set, and staff cannot be recognised.",
            hint=f"Set HYDROCHAT_METRICS_TOKEN to at least 16 characters, or add {_AUTHENTICATION} to MIDDLEWARE.",
            id="hydrochat_otel.W001",
        )
    elif not has_token:
        yield Warning(
            "Prometheus cannot scrape: no token is set, so only signed-in staff can read the endpoints.",
            hint="Set HYDROCHAT_METRICS_TOKEN to at least 16 characters; `openssl rand -hex 24` makes a good one.",
            id="hydrochat_otel.W002",
        )
    elif not has_accounts and not settings.DEBUG:
        yield Warning(
            "DEBUG is off and staff cannot be recognised: only the token opens the page and the export.",
            hint=f"Add {_AUTHENTICATION} to MIDDLEWARE, or keep HYDROCHAT_METRICS_TOKEN to a few people.",
            id="hydrochat_otel.W003",
        )


def _urls() -> Iterator[CheckMessage]:
    try:
        metrics = reverse("hydrochat_otel:metrics").lstrip("/")
    except NoReverseMatch:
        yield Info(
            "The export, /metrics and the page have no URL in this project.",
            hint='Add path("", include("hydrochat_otel.django.urls")) to the root URLconf.',
            id="hydrochat_otel.I004",
        )
        return
    redirects = settings.SECURE_SSL_REDIRECT and _SECURITY in settings.MIDDLEWARE
    if redirects and not any(re.search(pattern, metrics) for pattern in settings.SECURE_REDIRECT_EXEMPT):
        yield Warning(
            "Prometheus is redirected to HTTPS when it scrapes over HTTP (SECURE_SSL_REDIRECT).",
            hint=f'Scrape with "scheme: https", or inside a network you trust add r"^{re.escape(metrics)}$" to '
            "SECURE_REDIRECT_EXEMPT.",
            id="hydrochat_otel.W005",
        )


def _processes() -> Iterator[CheckMessage]:
    state = pipeline.current().settings.state
    workers = os.environ.get("WEB_CONCURRENCY", "")
    if state == "memory" and workers.isdecimal() and int(workers) > 1:
        yield Warning(
            f"{workers} workers (WEB_CONCURRENCY) without shared state: each answers with its own numbers.",
            hint="Leave HYDROCHAT_STATE at auto, or set it to sqlite:///path or to a Redis.",
            id="hydrochat_otel.W006",
        )
    if state in {"auto", "memory"} and os.environ.get("RUN_MAIN") == "true":
        yield Info(
            "The reloader starts a new process with every change of the code, and its numbers may start from zero.",
            hint="Use runserver --noreload while you look at them, or set HYDROCHAT_STATE to sqlite:///path.",
            id="hydrochat_otel.I007",
        )
    resource = getattr(pipeline.current().tracer_provider, "resource", None)  # another library's provider has none
    name = "" if resource is None else str(resource.attributes.get("service.name", ""))
    if state not in {"auto", "memory"} and name.partition(":")[0] == "unknown_service":
        yield Warning(
            "The service has no name: other services without one share its numbers in HYDROCHAT_STATE.",
            hint="Set OTEL_SERVICE_NAME.",
            id="hydrochat_otel.W008",
        )
