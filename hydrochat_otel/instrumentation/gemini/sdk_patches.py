"""The seam in the SDK: which functions are replaced, and whether the installed version's are the known ones.

One call of ``_generate_content``, ``_generate_content_stream`` or ``_embed_content`` is one billable request, under
chats, automatic function calling and automatic continuation alike; ``_request_once`` is one attempt.
"""

import inspect
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini import interactions, live, wrappers
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function

PACKAGE: Final = "google.genai"
MARK: Final = "__hydrochat_otel__"
"""Attribute of every function that stands in for one of the SDK's."""

LATE: Final = f"{PACKAGE}._gaos.interactions"
"""Module that newer versions import on first use only; its seams are put in then."""

_INTERACTIONS: Final = "_gaos.interactions"
_RETRIES: Final = "_gaos.utils.retries"
_REQUEST: Final = ("self", "model", "contents", "config")


class IncompatibleSdkError(RuntimeError):
    """The installed SDK does not have the known functions; the message names the first that differs."""


@dataclass(frozen=True, slots=True)
class Seam:
    """One function of the SDK that is replaced.

    Attributes:
        module: Module below ``google.genai``.
        owner: Class that has it; empty for a function of the module.
        name: Name of the function.
        wrap: Makes what stands in for it.
        operation: Value of ``gen_ai.operation.name``.
        parameters: Names that its signature must have, in this order and first.
        required: Whether the SDK is refused without it; others are left alone where they differ.
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
        return self.wrap in {
            wrappers.unary_async,
            wrappers.stream_async,
            wrappers.attempt_async,
            wrappers.session_async,
            live.message,
            interactions.interaction_async,
            interactions.retrying_async,
        }

    def fits(self, function: Any) -> bool:
        """Whether the function is the known one: its kind and its first parameters."""
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


@dataclass(frozen=True, slots=True)
class Place:
    """A seam that was found: the class, the name and the original function."""

    owner: Any
    name: str
    original: Function
    seam: Seam


def _pair(
    module: str, owner: str, name: str, operation: str, parameters: tuple[str, ...] = ("self", "model")
) -> Iterator[Seam]:
    yield Seam(module, owner, name, wrappers.unary, operation, parameters)
    yield Seam(module, f"Async{owner}", name, wrappers.unary_async, operation, parameters)


def _seams() -> Iterator[Seam]:
    for owner, one, many in (
        ("Models", wrappers.unary, wrappers.stream),
        ("AsyncModels", wrappers.unary_async, wrappers.stream_async),
    ):
        yield Seam("models", owner, "_generate_content", one, "generate_content", _REQUEST, required=True)
        yield Seam("models", owner, "_generate_content_stream", many, "generate_content", _REQUEST, required=True)
        yield Seam("models", owner, "count_tokens", one, "count_tokens", _REQUEST)
        yield Seam("models", owner, "compute_tokens", one, "compute_tokens", _REQUEST)
    http = ("self", "http_request", "stream")
    yield Seam("_api_client", "BaseApiClient", "_request_once", wrappers.attempt, "", http, required=True)
    yield Seam("_api_client", "BaseApiClient", "_async_request_once", wrappers.attempt_async, "", http, required=True)
    yield Seam("_api_client", "BaseApiClient", "_get_aiohttp_session", wrappers.session_async, "", ("self",))
    for name, operation in (
        ("_generate_images", "generate_images"),
        ("_edit_image", "edit_image"),
        ("_upscale_image", "upscale_image"),
        ("recontext_image", "recontext_image"),
        ("segment_image", "segment_image"),
        ("_generate_videos", "generate_videos"),
    ):
        yield from _pair("models", "Models", name, operation)
    yield Seam("live", "AsyncLive", "connect", live.connection, "live", ("self", "model", "config"))
    yield Seam("live", "AsyncSession", "_receive", live.message, "live", ("self",))
    for owner, one, retry, repeat in (
        ("Interactions", interactions.interaction, interactions.retrying, "retry"),
        ("AsyncInteractions", interactions.interaction_async, interactions.retrying_async, "retry_async"),
    ):
        yield Seam(_INTERACTIONS, owner, "create", one, "interaction", ("self", "request"))
        yield Seam(_RETRIES, "", repeat, retry, "interaction", ("func", "retries"))
    yield from _pair("caches", "Caches", "create", "create_cache", ("self", "model", "config"))
    source = ("self", "model", "src", "config")
    yield from _pair("batches", "Batches", "create", "create_batch", source)
    yield from _pair("batches", "Batches", "create_embeddings", "create_embeddings_batch", source)


SEAMS: Final = tuple(_seams())


def find_places(load: Callable[[str], ModuleType], standing: Container[tuple[Any, str]] = ()) -> list[Place]:
    """Return every function to be replaced.

    Args:
        load: Returns a module of the SDK by its full name, or raises ImportError.
        standing: Class and name of functions that are replaced already, below somebody else's wrapper.

    Raises:
        IncompatibleSdkError: A required function is missing or differs.
    """
    seams = (*SEAMS, *_embedding_seams(load))
    return [place for seam in seams if (place := _find(seam, load, standing)) is not None]


def _embedding_seams(load: Callable[[str], ModuleType]) -> Iterator[Seam]:
    """Yield the private functions, or the public ones of versions that have no private ones and send requests there."""
    models = load(f"{PACKAGE}.models")
    for owner, wrap in (("Models", wrappers.unary), ("AsyncModels", wrappers.unary_async)):
        if hasattr(getattr(models, owner, None), "_embed_content"):
            yield Seam("models", owner, "_embed_content", wrap, "embeddings", _REQUEST[:3], required=True)
        else:
            yield Seam("models", owner, "embed_content", wrap, "embeddings", _REQUEST, required=True)


def _find(seam: Seam, load: Callable[[str], ModuleType], standing: Container[tuple[Any, str]]) -> Place | None:
    try:
        module = load(f"{PACKAGE}.{seam.module}")
        owner = getattr(module, seam.owner) if seam.owner else module
        original = vars(owner)[seam.name]
    except (ImportError, AttributeError, KeyError):
        original = None
    else:
        if (owner, seam.name) in standing:
            return None
    if original is not None and seam.fits(original):
        return Place(owner, seam.name, original, seam)
    if seam.required:
        raise IncompatibleSdkError(f"{PACKAGE}.{seam.module}.{seam.owner}.{seam.name} is not the known function")
    return None
