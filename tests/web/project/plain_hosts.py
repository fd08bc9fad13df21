"""The two applications that need no framework, and one of them mounted in Starlette, over frozen numbers."""

import frozen
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from hydrochat_otel.web import asgi_app, wsgi_app

frozen.install()

wsgi = wsgi_app
asgi = asgi_app
mounted = Starlette(
    routes=[Route("/", lambda _: PlainTextResponse("the application's own")), Mount("/inner/telemetry", asgi_app)]
)
