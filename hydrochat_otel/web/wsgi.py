"""The web side as a WSGI application (PEP 3333)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hydrochat_otel.web.message import ARRIVED_S, MAX_BODY_BYTES, STATUS_LINES, Request, is_too_long
from hydrochat_otel.web.routes import respond


def wsgi_app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve every endpoint, below the prefix of `SCRIPT_NAME` if there is one."""
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    response = respond(
        Request(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            headers=headers,
            body=_body(environ),
            secure=environ.get("wsgi.url_scheme") == "https",
            query=environ.get("QUERY_STRING", ""),
            client=environ.get("REMOTE_ADDR", ""),
            root=environ.get("SCRIPT_NAME", "").rstrip("/"),
            arrived_s=environ.get(ARRIVED_S),
        )
    )
    start_response(STATUS_LINES[response.status], list(response.headers))
    return [response.body] if response.body else []


def _body(environ: Mapping[str, Any]) -> bytes | None:
    if environ["REQUEST_METHOD"] != "POST":
        return b""
    length = environ.get("CONTENT_LENGTH", "")
    if is_too_long(length):
        return None
    # Reading more than was announced may block forever; without a length only the server may end the input.
    if not length.isdecimal() and not environ.get("wsgi.input_terminated"):
        return b""
    body: bytes = environ["wsgi.input"].read(int(length) if length.isdecimal() else MAX_BODY_BYTES + 1)
    return body if len(body) <= MAX_BODY_BYTES else None
