"""The application as plain ASGI: `/` is a turn, `/pid` returns the worker's id, `/telemetry` is the plugin's site."""

import asyncio
import json
import os
from typing import Any

import turn

if turn.PLUGIN:
    from hydrochat_otel.web import asgi_app


@turn.tracked
async def take_turn() -> dict[str, Any]:
    await asyncio.sleep(turn.WORK_S)
    response = await turn.client().aio.models.generate_content(model=turn.MODEL, contents="How is the wound?")
    return turn.answer(response, turn.current_trace_id())


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    path = scope["path"]
    if turn.PLUGIN and path.startswith("/telemetry"):
        await asgi_app({**scope, "root_path": "/telemetry"}, receive, _with_pid(send))
    elif path == "/":
        await _send(send, 200, await take_turn())
    elif path == "/pid":
        await _send(send, 200, {"pid": os.getpid()})
    else:
        await _send(send, 404, {})


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _with_pid(send: Any) -> Any:
    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-pid", str(os.getpid()).encode())]
        await send(message)

    return sending


async def _send(send: Any, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await _with_pid(send)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
