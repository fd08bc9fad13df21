"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.patch_points`: no function of the SDK bills uncounted."""

import contextlib
import functools
import importlib
import inspect
import pkgutil
import re

import pydantic
import pytest
from google import genai
from google.genai import types

from hydrochat_otel.instrumentation.gemini.patch_points import PATCH_POINTS, embedding_points
from hydrochat_otel.instrumentation.gemini.sdk_patches import uncovered

SDK_VERSION = tuple(int(part) for part in genai.__version__.split(".")[:2])
USAGE_FIELDS = frozenset({"usage_metadata", "usage", "total_usage", "step_usage"})
UNITS = frozenset(
    {
        *("GenerateImagesResponse", "EditImageResponse", "UpscaleImageResponse", "RecontextImageResponse"),
        *("SegmentImageResponse", "GenerateVideosOperation", "CountTokensResponse", "ComputeTokensResponse"),
    }
)
"""Types that state no usage, and that are charged by the unit or counted apart."""

PASSED_THROUGH = {
    **dict.fromkeys(
        ("Models.generate_content", "Models._generate_content_with_continuation", "Chat.send_message"),
        "sends through _generate_content",
    ),
    **dict.fromkeys(
        (
            "Models.generate_content_stream",
            "Models._generate_content_stream_with_continuation",
            "Chat.send_message_stream",
        ),
        "sends through _generate_content_stream",
    ),
    "Models.embed_content": "sends through _embed_content",
    **dict.fromkeys(
        ("Models.generate_images", "Models.edit_image", "Models.upscale_image", "Models.generate_videos"),
        "sends through the private function",
    ),
    **dict.fromkeys(("Batches._create", "Batches._create_embeddings"), "called by the public function"),
    **dict.fromkeys(
        ("Operations._get_videos_operation", "Operations._fetch_predict_videos_operation", "Operations._get"),
        "called by Operations.get",
    ),
    **dict.fromkeys(
        ("Session.start_stream", "Session.receive"), "reads through the function that waits for one message"
    ),
    **dict.fromkeys(
        ("Batches.list", "Batches._list", "Caches.list", "Caches._list", "Voices.list"),
        "a list that states no usage of its own",
    ),
    **dict.fromkeys(
        ("Caches.get", "Voices.get"), "looks up what was counted when it was made, and states the same usage again"
    ),
    **dict.fromkeys(
        (
            "GeminiNextGenInteractions.create",
            "GeminiNextGenInteractions.get",
            "GeminiNextGenInteractions.cancel",
        ),
        "calls the function of Interactions",
    ),
    **dict.fromkeys(
        (
            ".clear_intermediate_finish_reason",
            ".merge_continuation_responses",
            "StreamContinuation.observe",
            ".format_destination",
            ".t_batch_job_destination",
        ),
        "takes what was counted, and sends nothing",
    ),
    **dict.fromkeys(
        ("InteractionsResource.create", "InteractionsResource.get", "InteractionsResource.cancel"),
        "a preview in google-genai 1.x, which is not counted: docs/limits.md says so, and doctor names it",
    ),
}
"""Functions that return usage and have no patch point of their own, with the reason; the asynchronous ones likewise."""


@functools.cache
def modules():
    """Return every module of the SDK that can be imported, without its own tests."""
    found = []
    for info in pkgutil.walk_packages(genai.__path__, f"{genai.__name__}."):
        if ".tests" in info.name or "_test_" in info.name:
            continue
        with contextlib.suppress(ImportError):  # it needs a package that is not installed
            found.append(importlib.import_module(info.name))
    return found


def kinds():
    """Return every class of the SDK, by name."""
    return {
        name: kind
        for module in modules()
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and not name.endswith(("Dict", "Param"))
    }


def carriers():
    """Return the names of every type that states usage or has a field of such a type, however deep."""
    fields = {name: getattr(kind, "model_fields", {}) for name, kind in kinds().items()}
    found = {name for name, of_kind in fields.items() if USAGE_FIELDS & set(of_kind)}
    while True:
        pattern = re.compile(rf"\b({'|'.join(found)})\b")
        more = {
            name
            for name, of_kind in fields.items()
            if name not in found and any(pattern.search(str(field.annotation)) for field in of_kind.values())
        }
        if not more:
            return found | UNITS
        found |= more


def functions():
    """Yield every function of the SDK that can return a type with usage: class and name."""
    pattern = re.compile(rf"\b({'|'.join(carriers())})\b")
    for module in modules():
        for owner, kind in ("", module), *inspect.getmembers(module, inspect.isclass):
            if owner and (kind.__module__ != module.__name__ or owner.endswith("Dict")):
                continue
            for function, value in list(vars(kind).items()):
                returns = getattr(value, "__annotations__", {}).get("return", "")
                is_own = inspect.isfunction(value) and value.__module__ == module.__name__
                if is_own and pattern.search(str(returns)):
                    yield owner, function


def covered(points=PATCH_POINTS):
    """Return class and name of every function that is wrapped."""
    every = (*points, *embedding_points(importlib.import_module))
    return {(point.owner, point.name) for point in every}


def missing(points=PATCH_POINTS):
    """Return functions that can return usage and are not counted."""
    replaced = covered(points)
    return [
        f"{owner}.{name}"
        for owner, name in functions()
        if (owner, name) not in replaced and f"{owner.removeprefix('Async')}.{name}" not in PASSED_THROUGH
    ]


def test_every_function_that_can_return_usage_has_a_patch_point():
    """A release of the SDK that adds one fails here, before it bills uncounted."""
    assert missing() == []
    assert len(set(functions())) > 20


@pytest.mark.skipif(SDK_VERSION < (3, 6), reason="this google-genai has no decisions")
@pytest.mark.parametrize("gone", ["Decisions.create", "AsyncVoices.create", "Models._generate_content", "Batches.get"])
def test_a_removed_patch_point_is_noticed(gone):
    """Without its patch point a function is named, so that the test above can fail."""
    assert missing([point for point in PATCH_POINTS if f"{point.owner}.{point.name}" != gone]) == [gone]


def test_a_function_of_a_new_release_is_noticed(monkeypatch):
    """A new function that returns a known type, and one that returns a new type with usage, are both named."""
    module = importlib.import_module("google.genai.tunings")

    class NewReport(pydantic.BaseModel):
        usage: types.UsageMetadata | None = None

    class NewReports(pydantic.BaseModel):
        reports: list[NewReport] = []

    class News:
        def tell(self) -> types.GenerateContentResponse: ...

        def report(self) -> NewReports: ...

        def name(self) -> str: ...

    for kind in (NewReport, NewReports, News):
        kind.__module__ = module.__name__
        monkeypatch.setattr(module, kind.__name__, kind, raising=False)
    for function in (News.tell, News.report, News.name):
        function.__module__ = module.__name__
    assert missing() == ["News.tell", "News.report"]


def test_the_installed_sdk_is_covered():
    """Every patch point that the installed version has is the known function."""
    assert uncovered(importlib.import_module, ()) == []
