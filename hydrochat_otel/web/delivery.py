"""The last steps of every response: 304 for what the client has, compression, length, no body for HEAD."""

import gzip
from dataclasses import replace
from functools import lru_cache
from typing import Final

from hydrochat_otel.web.message import Headers, Request, Response, bodiless

_GZIP_FROM_BYTES: Final = 1024
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_KEPT_IN_304: Final = frozenset({"Cache-Control", "ETag", "Vary"})


def delivered(request: Request, response: Response) -> Response:
    """Return the response as it is sent."""
    response = _varying(response)
    compresses = len(response.body) >= _GZIP_FROM_BYTES and _accepts_gzip(request.headers.get("accept-encoding", ""))
    if compresses:
        response = _tagged(response)
    if _has_already(request, response):
        kept = tuple(header for header in response.headers if header[0] in _KEPT_IN_304)
        return replace(bodiless(_NOT_MODIFIED), headers=kept)
    headers, body = _compressed(response) if compresses else (response.headers, response.body)
    headers = (*headers, ("Content-Length", str(len(body))))
    return Response(response.status, headers, b"" if request.method == "HEAD" else body)


def _has_already(request: Request, response: Response) -> bool:
    wanted = request.headers.get("if-none-match")
    if wanted is None or response.status != _OK or (tag := response.header("ETag")) is None:
        return False
    known = {one.strip().removeprefix("W/") for one in wanted.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


def _varying(response: Response) -> Response:
    """Return the response with what it varies by, which a 304 says as well: a long body may be compressed."""
    if len(response.body) < _GZIP_FROM_BYTES:
        return response
    varies = response.header("Vary")
    headers = [header for header in response.headers if header[0] != "Vary"]
    headers.append(("Vary", f"{varies}, Accept-Encoding" if varies else "Accept-Encoding"))
    return Response(response.status, tuple(headers), response.body)


def _tagged(response: Response) -> Response:
    """Return the response with a strong entity tag of its compressed body: that of the plain one names other bytes."""
    tag = response.header("ETag")
    if tag is None or tag.startswith("W/"):
        return response
    headers = tuple(header for header in response.headers if header[0] != "ETag")
    return Response(response.status, (*headers, ("ETag", f'{tag[:-1]}-gzip"')), response.body)


def _compressed(response: Response) -> tuple[Headers, bytes]:
    # Level 1: a scrape is repetitive text, and higher levels cost several times as much for a few per cent.
    body = gzip.compress(response.body, compresslevel=1, mtime=0)
    return (*response.headers, ("Content-Encoding", "gzip")), body


@lru_cache(maxsize=64)
def _accepts_gzip(header: str) -> bool:
    qualities: dict[str, str] = {}
    for part in header.lower().split(","):
        coding, *parameters = (word.strip() for word in part.split(";"))
        quality = next((word.replace(" ", "")[2:] for word in parameters if word.startswith("q")), "1")
        qualities["gzip" if coding == "x-gzip" else coding] = quality
    quality = qualities.get("gzip", qualities.get("*", "0"))
    return quality.rstrip("0") not in {"", "0", "0.", "."}
