"""Parses requests to the emulator: the REST paths of the Gemini API and of Vertex AI.

Spec: https://ai.google.dev/api and https://cloud.google.com/vertex-ai/docs/reference/rest
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

from hydrochat_otel.testing.ledger import Kind

Environ = dict[str, Any]
"""A WSGI environment."""

STEP_HEADER: Final = "x-demo-step"
"""Header by which a caller marks the requests of one call; it never carries anything a patient said."""

_PATH: Final = re.compile(r"^/v1[a-z0-9]*/(?P<resource>[^:]+)(?::(?P<verb>\w+))?$")
_MODEL: Final = re.compile(r"(?:^|/)(?:models|tunedModels|endpoints)/(?P<model>[^/]+)$")
_VERTEX: Final = re.compile(r"^(?:projects|publishers)/")
_KINDS: Final[Mapping[str, Kind]] = {
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
    "countTokens": "count",
    "computeTokens": "count",
    "interactions.create": "generate",
    "decisions.create": "generate",
    "voices.create": "generate",
    "interactions.get": "result",
    "batches.get": "result",
    "operations.get": "result",
    "fetchPredictOperation": "result",
    "cachedContents.delete": "result",
    "download": "result",
}
_RESOURCES: Final = (
    "models",
    "tunedModels",
    "cachedContents",
    "batches",
    "batchPredictionJobs",
    "operations",
    "interactions",
    "decisions",
    "voices",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, parsed.

    Attributes:
        http_method: `GET`, `POST`, ...
        path: As sent, without the query.
        api: Which of the two APIs the path belongs to.
        method: The API's name for the request, `generateContent` or `models.get`; empty for a path that neither has.
        kind: The ledger's category of the request.
        model: The bare id of the model, empty if the path names none.
        headers: By lower-case name.
        content: The body as sent.
        body: The body read as a JSON object; empty for anything else.
    """

    http_method: str
    path: str
    query: str
    api: Literal["gemini", "vertex"]
    method: str
    kind: Kind
    model: str
    headers: Mapping[str, str]
    content: bytes
    body: Mapping[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the request asks for server-sent events."""
        return (
            self.method == "streamGenerateContent"
            or (self.method == "interactions.create" and self.body.get("stream") is True)
            or (self.method == "interactions.get" and "stream=true" in self.query.lower())
        )

    @property
    def step(self) -> str:
        """The caller's mark on the request, or ''."""
        return self.headers.get(STEP_HEADER, "")

    @property
    def call(self) -> str:
        """Equal for two attempts of one marked call, empty for unmarked requests."""
        if not self.step:
            return ""
        digest = hashlib.blake2b(self.content, digest_size=8).hexdigest()
        return f"{self.step} {self.method} {self.model} {digest}"

    @property
    def contents(self) -> list[Mapping[str, Any]]:
        """The conversation so far; for embeddings, the inputs."""
        if self.method == "batchEmbedContents":
            return [entry.get("content", {}) for entry in self.body.get("requests", [])]
        if self.method == "predict":
            return [{"parts": [{"text": str(entry.get("content", ""))}]} for entry in self.body.get("instances", [])]
        if "content" in self.body:
            return [self.body["content"]]
        return list(self.body.get("contents", []))

    @property
    def parts(self) -> list[Mapping[str, Any]]:
        """All parts of :attr:`contents`."""
        return [part for content in self.contents for part in content.get("parts", [])]

    @property
    def characters(self) -> int:
        """Characters of text in :attr:`contents`."""
        return sum(len(part.get("text", "")) for part in self.parts)

    @property
    def hop(self) -> int:
        """The number of function results in the conversation: 0 before the first function call."""
        return sum(1 for part in self.parts if "functionResponse" in part)

    @property
    def functions(self) -> list[Mapping[str, Any]]:
        """The declared functions."""
        return [entry for tool in self.body.get("tools", []) for entry in tool.get("functionDeclarations", [])]

    @property
    def generation_config(self) -> Mapping[str, Any]:
        """`generationConfig`, possibly empty."""
        return cast("Mapping[str, Any]", self.body.get("generationConfig", {}))


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def read_request(environ: Environ) -> Request:
    """Parse a WSGI environment; never raises, whatever a client sent."""
    path = str(environ["PATH_INFO"])
    content = cast("_Readable", environ["wsgi.input"]).read()
    api, method, model = _resolve(str(environ["REQUEST_METHOD"]), path)
    body = _json_object(content)
    if not model and method in {"interactions.create", "decisions.create", "voices.create"}:
        model = str(body.get("model", "")).rsplit("/", 1)[-1]
    kind = _KINDS.get(method, "other")
    if method == "predict" and "embedding" in model:
        kind = "embed"
    return Request(
        http_method=str(environ["REQUEST_METHOD"]),
        path=path,
        query=str(environ["QUERY_STRING"]),
        api=api,
        method=method,
        kind=kind,
        model=model,
        headers=dict(_headers(environ)),
        content=content,
        body=body,
    )


def _resolve(http_method: str, path: str) -> tuple[Literal["gemini", "vertex"], str, str]:
    matched = _PATH.match(path)
    if matched is None:
        return "gemini", "", ""
    resource, verb = matched["resource"], matched["verb"]
    api: Literal["gemini", "vertex"] = "vertex" if _VERTEX.match(resource) else "gemini"
    of_model = _MODEL.search(resource)
    model = of_model["model"] if of_model else ""
    if verb:
        return api, verb, model
    segments = resource.split("/")
    collection = next((name for name in reversed(segments) if name in _RESOURCES), "")
    if not collection:
        return api, "", model
    action = {"GET": "list" if segments[-1] == collection else "get", "POST": "create", "DELETE": "delete"}
    return api, f"{collection}.{action.get(http_method, 'update')}", model


def _headers(environ: Environ) -> Iterable[tuple[str, str]]:
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield key.removeprefix("HTTP_").replace("_", "-").lower(), str(value)


def _json_object(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
