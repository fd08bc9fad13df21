"""URLs to include: the export and its neighbours, ``metrics``, and the whole site below ``hydrochat/telemetry/``.

Health check, page and sign-in are below that prefix only, because a project has its own at the root.
"""

from typing import Final

from django.urls import path, re_path

from hydrochat_otel.django.views import site
from hydrochat_otel.web import METRICS_PATH, PAGE_PATH, ROUTES

SITE: Final = "hydrochat/telemetry"

app_name = "hydrochat_otel"

_AT_ROOT: Final = {
    where: route for where, route in ROUTES.items() if where.startswith("/api/") or where == METRICS_PATH
}

urlpatterns = [
    *(path(where[1:], site, {"path": where}, name=route.name) for where, route in _AT_ROOT.items()),
    # With and without the last slash, so that APPEND_SLASH has no effect.
    *(path(where[1:].rstrip("/"), site, {"path": where}) for where in _AT_ROOT if where.endswith("/")),
    path(f"{SITE}/", site, {"path": PAGE_PATH}, name=ROUTES[PAGE_PATH].name),
    re_path(rf"^{SITE}(?P<path>/.*)?$", site, name="site"),
]
