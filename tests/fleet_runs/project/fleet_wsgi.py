"""The application as plain WSGI: `/` is a turn, `/pid` returns the worker's id, `/telemetry` is the plugin's site."""

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import shift_path_info

import turn

if turn.PLUGIN:
    from hydrochat_otel.web import wsgi_app


@turn.tracked
def take_turn() -> dict[str, Any]:
    time.sleep(turn.WORK_S)
    response = turn.client().models.generate_content(model=turn.MODEL, contents="How is the wound?")
    return turn.answer(response, turn.current_trace_id())


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    pid = ("X-Pid", str(os.getpid()))
    path = environ["PATH_INFO"]
    if turn.PLUGIN and path.startswith("/telemetry"):
        shift_path_info(environ)
        return wsgi_app(environ, lambda status, headers: start_response(status, [*headers, pid]))
    answers: dict[str, Callable[[], dict[str, Any]]] = {"/": take_turn, "/pid": lambda: {"pid": os.getpid()}}
    if path not in answers:
        start_response("404 Not Found", [("Content-Length", "0"), pid])
        return []
    body = json.dumps(answers[path]()).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body))), pid])
    return [body]
