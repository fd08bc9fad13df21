"""The functions of the SDK that are wrapped, each with its wrapper.

One call of ``_generate_content``, ``_generate_content_stream`` or ``_embed_content`` is one billable request, under
chats, automatic function calling and automatic continuation alike; ``_request_once`` is one attempt. A test compares
this table with every function of the installed SDK that can return usage.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini import (
    batches,
    cached_content,
    interactions,
    live,
    live_interactions,
    media,
    tools,
    wrappers,
)
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function

PACKAGE: Final = "google.genai"
MARK: Final = "__hydrochat_otel__"
"""Attribute of every function that replaces one of the SDK's."""

_INTERACTIONS: Final = "_gaos.interactions"
_DECISIONS: Final = "_gaos.decisions"
_VOICES: Final = "_gaos.voices"
_RETRIES: Final = "_gaos.utils.retries"
_SOCKET: Final = "_interactions_websocket"
_REQUEST: Final = ("self", "model", "contents", "config")
_HTTP: Final = ("self", "http_request", "stream")
_Wrap = Callable[[Function, Current, str], Function]


@dataclass(frozen=True, slots=True)
class PatchPoint:
    """One function of the SDK that is wrapped.

    Attributes:
        module: Module below ``google.genai``.
        owner: Class that has it; empty for a function of the module.
        name: Name of the function.
        wrap: Makes its wrapper.
        operation: Operation of Gemini, value of ``hydrochat.llm.operation``.
        parameters: Names that its signature must have, in this order and first.
        required: Whether the SDK is refused without it; any other function that differs is left unwrapped.
    """

    module: str
    owner: str
    name: str
    wrap: Callable[[Function, Current, str], Function]
    operation: str = ""
    parameters: tuple[str, ...] = ("self", "model")
    required: bool = False

    @property
    def is_async(self) -> bool:
        """Whether the function must be a coroutine function."""
        return self.wrap.__name__.endswith("_async")

    def fits(self, function: Any) -> bool:
        """Return whether the function is the known one: its kind and its first parameters."""
        if not callable(function) or getattr(function, MARK, False):
            return False
        try:
            parameters = tuple(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            return False
        if inspect.iscoroutinefunction(function) != self.is_async:
            return False
        if inspect.isgeneratorfunction(function) != (self.wrap is wrappers.stream):
            return False
        return parameters[: len(self.parameters)] == self.parameters


def _pair(
    module: str,
    owner: str,
    name: str,
    operation: str,
    parameters: tuple[str, ...] = ("self", "model"),
    *,
    wraps: tuple[_Wrap, _Wrap] = (wrappers.unary, wrappers.unary_async),
    required: bool = False,
) -> Iterator[PatchPoint]:
    """Yield the function of the client and that of the asynchronous client."""
    plain, asynchronous = wraps
    yield PatchPoint(module, owner, name, plain, operation, parameters, required)
    yield PatchPoint(module, f"Async{owner}", name, asynchronous, operation, parameters, required)


def _model_points() -> Iterator[PatchPoint]:
    generate = "generate_content"
    yield from _pair("models", "Models", "_generate_content", generate, _REQUEST, required=True)
    streams = (wrappers.stream, wrappers.stream_async)
    yield from _pair("models", "Models", "_generate_content_stream", generate, _REQUEST, wraps=streams, required=True)
    yield from _pair("models", "Models", "count_tokens", "count_tokens", _REQUEST)
    yield from _pair("models", "Models", "compute_tokens", "compute_tokens", _REQUEST)
    for name, operation in (
        ("_generate_images", "generate_images"),
        ("_edit_image", "edit_image"),
        ("_upscale_image", "upscale_image"),
        ("recontext_image", "recontext_image"),
        ("segment_image", "segment_image"),
    ):
        yield from _pair("models", "Models", name, operation)
    videos = (media.video, media.video_async)
    yield from _pair("models", "Models", "_generate_videos", "generate_videos", wraps=videos)
    videos = (media.result, media.result_async)
    yield from _pair("operations", "Operations", "get", "video_result", ("self", "operation"), wraps=videos)


def _transport_points() -> Iterator[PatchPoint]:
    owner = "BaseApiClient"
    yield PatchPoint("_api_client", owner, "_request_once", wrappers.attempt, "", _HTTP, required=True)
    yield PatchPoint("_api_client", owner, "_async_request_once", wrappers.attempt_async, "", _HTTP, required=True)
    yield PatchPoint("_api_client", owner, "_get_aiohttp_session", wrappers.session_async, "", ("self",))
    repeats = ("func", "retries")
    yield PatchPoint(_RETRIES, "", "retry", interactions.retrying, "", repeats)
    yield PatchPoint(_RETRIES, "", "retry_async", interactions.retrying_async, "", repeats)


def _tool_points() -> Iterator[PatchPoint]:
    run, answered = ("args", "function_to_invoke"), ("response", "function_map")
    yield PatchPoint(
        "_adapters", "McpToGenAiToolAdapter", "call_tool", tools.called_async, "", ("self", "function_call")
    )
    module = "_extra_utils"
    yield PatchPoint(module, "", "invoke_function_from_dict_args", tools.run, "", run)
    yield PatchPoint(module, "", "invoke_function_from_dict_args_async", tools.run_async, "", run)
    yield PatchPoint(module, "", "get_function_response_parts", tools.answered, "", answered)
    yield PatchPoint(module, "", "get_function_response_parts_async", tools.answered_async, "", answered)


def _session_points() -> Iterator[PatchPoint]:
    yield PatchPoint("live", "AsyncLive", "connect", live.connection, "live", ("self", "model", "config"))
    yield PatchPoint("live", "AsyncSession", "_receive", live.message_async, "live", ("self",))
    context, connection = "InteractionWebSocketConnectionContext", "InteractionWebSocketConnection"
    operation = "live_interaction"
    yield PatchPoint(_SOCKET, context, "_open", live_interactions.opened_async, operation, ("self",))
    yield PatchPoint(_SOCKET, connection, "_fill_pending_events", live_interactions.received_async, "", ("self",))
    yield PatchPoint(_SOCKET, connection, "detach", live_interactions.left_async, "", ("self",))
    yield PatchPoint(_SOCKET, connection, "cancel", live_interactions.left_async, "", ("self",))


def _interaction_points() -> Iterator[PatchPoint]:
    owner, begun = "Interactions", (interactions.interaction, interactions.interaction_async)
    yield from _pair(_INTERACTIONS, owner, "create", "interaction", ("self", "request"), wraps=begun)
    seen, result = (interactions.result, interactions.result_async), "interaction_result"
    yield from _pair(_INTERACTIONS, owner, "get", result, ("self", "id"), wraps=seen)
    yield from _pair(_INTERACTIONS, owner, "cancel", result, ("self", "id"), wraps=seen)
    yield from _pair(_DECISIONS, "Decisions", "create", "decision", ("self", "input", "model"), wraps=begun)
    yield from _pair(_VOICES, "Voices", "create", "create_voice", ("self", "voice"), wraps=begun)


def _stored_points() -> Iterator[PatchPoint]:
    kept = (cached_content.stored, cached_content.stored_async)
    yield from _pair("caches", "Caches", "create", "create_cache", ("self", "model", "config"), wraps=kept)
    changed = (cached_content.changed, cached_content.changed_async)
    yield from _pair("caches", "Caches", "update", "cache_storage", ("self", "name"), wraps=changed)
    deleted = (cached_content.deleted, cached_content.deleted_async)
    yield from _pair("caches", "Caches", "delete", "cache_storage", ("self", "name"), wraps=deleted)
    source = ("self", "model", "src", "config")
    begun = (batches.created, batches.created_async)
    yield from _pair("batches", "Batches", "create", "create_batch", source, wraps=begun)
    yield from _pair("batches", "Batches", "create_embeddings", "create_embeddings_batch", source, wraps=begun)
    seen = (batches.result, batches.result_async)
    yield from _pair("batches", "Batches", "get", "batch_result", ("self", "name"), wraps=seen)
    loaded = (batches.downloaded, batches.downloaded_async)
    yield from _pair("files", "Files", "download", "batch_result", ("self", "file"), wraps=loaded)


PATCH_POINTS: Final = (
    *_model_points(),
    *_transport_points(),
    *_session_points(),
    *_interaction_points(),
    *_stored_points(),
    *_tool_points(),
)


def embedding_points(load: Callable[[str], ModuleType]) -> Iterator[PatchPoint]:
    """Yield the private functions, or the public ones of versions that have no private ones and send requests there."""
    models = load(f"{PACKAGE}.models")
    has_private = hasattr(getattr(models, "Models", None), "_embed_content")
    name, parameters = ("_embed_content", _REQUEST[:3]) if has_private else ("embed_content", _REQUEST)
    yield from _pair("models", "Models", name, "embeddings", parameters, required=True)
