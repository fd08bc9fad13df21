"""The web side: :func:`respond` decides everything once, hosts only translate.

`message` has requests and responses, `routes` the table and :func:`respond`, `data` and `page` the answers, `guard` the
access check before them, `queries` and `openapi` the parameters, `delivery` compression and entity tags, `wsgi` and
`asgi` the two hosts that need no framework; :mod:`hydrochat_otel.django` is the third. Every endpoint but `/healthz`
and the page's own static files is closed.
"""

from hydrochat_otel.web.asgi import asgi_app
from hydrochat_otel.web.message import Request, Response
from hydrochat_otel.web.paths import (
    EXPORT_PATH,
    HEALTH_PATH,
    HISTORY_PATH,
    METRICS_PATH,
    MONEY_PATH,
    OPENAPI_PATH,
    OVERVIEW_PATH,
    PAGE_PATH,
    SCHEMA_PATH,
    SIGN_IN_PATH,
    SIGN_OUT_PATH,
    STATIC_PREFIX,
    TURNS_PATH,
)
from hydrochat_otel.web.routes import ROUTES, Route, respond
from hydrochat_otel.web.wsgi import wsgi_app

__all__ = [
    "EXPORT_PATH",
    "HEALTH_PATH",
    "HISTORY_PATH",
    "METRICS_PATH",
    "MONEY_PATH",
    "OPENAPI_PATH",
    "OVERVIEW_PATH",
    "PAGE_PATH",
    "ROUTES",
    "SCHEMA_PATH",
    "SIGN_IN_PATH",
    "SIGN_OUT_PATH",
    "STATIC_PREFIX",
    "TURNS_PATH",
    "Request",
    "Response",
    "Route",
    "asgi_app",
    "respond",
    "wsgi_app",
]
