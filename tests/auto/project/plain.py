"""An application without a framework: each request is an operation, the answer is the worker's process id."""

import os

from hydrochat_otel import track_response_time


@track_response_time("turn")
def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        with track_response_time("turn"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
