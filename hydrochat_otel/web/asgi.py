"""The web side as an ASGI application (ASGI 3), on its own or mounted in Starlette, FastAPI or another framework."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final

from hydrochat_otel.web.message import BODY_WITHIN_S, MAX_BODY_BYTES, Request, is_too_long
from hydrochat_otel.web.routes import respond

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_THREADS: Final = 8


async def asgi_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every endpoint; threads of our own render, so neither the event loop nor its executor waits."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["type"] != "http":
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        return
    path, root = _below_root(scope["path"], scope.get("root_path", "").rstrip("/"))
    headers = _joined(scope["headers"])
    request = Request(
        method=scope["method"],
        path=path,
        headers=headers,
        body=await _body(receive, headers) if scope["method"] == "POST" else b"",
        secure=scope.get("scheme") == "https",
        query=scope.get("query_string", b"").decode("latin-1"),
        client=(scope.get("client") or ("",))[0] or "",
        root=root,
    )
    response = await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), respond, request)
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": sent})
    await send({"type": "http.response.body", "body": response.body})


@lru_cache(maxsize=1)
def _threads(_: int) -> ThreadPoolExecutor:
    """Return the threads of the process with this id; a forked child does not have those of its parent."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="hydrochat-otel-web")


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _below_root(path: str, root: str) -> tuple[str, str]:
    """Remove the host's prefix from the path; some hosts have done so already."""
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :], root
    return path, root


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in joined:
            value = f"{joined[name]}{'; ' if name == 'cookie' else ', '}{value}"
        joined[name] = value
    return joined


async def _body(receive: Receive, headers: Mapping[str, str]) -> bytes | None:
    """Return the body, or None if it is too long; from a slow or disconnected client, what it has sent by then."""
    if is_too_long(headers.get("content-length", "")):
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while len(body) <= MAX_BODY_BYTES:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
    except TimeoutError:
        pass
    return bytes(body) if len(body) <= MAX_BODY_BYTES else None
