"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.patch_points`: no function of the SDK bills uncounted."""

import importlib
import inspect
import re

import pytest
from google import genai
from google.genai import types

from hydrochat_otel.instrumentation.gemini.patch_points import PATCH_POINTS, embedding_points
from hydrochat_otel.instrumentation.gemini.sdk_patches import uncovered

SDK_VERSION = tuple(int(part) for part in genai.__version__.split(".")[:2])
MODULES = (
    *("batches", "caches", "chats", "files", "live", "live_music", "models", "operations", "tunings", "tokens"),
    *("_interactions_websocket", "_gaos.interactions", "_gaos.decisions", "_gaos.agents", "_gaos.triggers"),
)
CARRIERS = re.compile(
    r"\b(GenerateContentResponse|EmbedContentResponse|LiveServerMessage|BatchJob|CachedContent|GenerateVideosOperation|"
    r"GenerateImagesResponse|EditImageResponse|UpscaleImageResponse|RecontextImageResponse|SegmentImageResponse|"
    r"CountTokensResponse|ComputeTokensResponse|Interaction|CreateDecisionResponse)\b"
)
USAGE_FIELDS = ("usage_metadata", "usage")

PASSED_THROUGH = {
    **dict.fromkeys(
        ("generate_content", "generate_content_stream"), "sends through _generate_content and _generate_content_stream"
    ),
    "_generate_content_with_continuation": "sends through _generate_content",
    "_generate_content_stream_with_continuation": "sends through _generate_content_stream",
    "embed_content": "sends through _embed_content",
    **dict.fromkeys(("generate_images", "edit_image", "upscale_image"), "sends through the private function"),
    "generate_videos": "sends through _generate_videos",
    **dict.fromkeys(("send_message", "send_message_stream"), "sends through generate_content"),
    "_create": "called by create",
    "_create_embeddings": "called by create_embeddings",
    **dict.fromkeys(("_get_videos_operation", "_fetch_predict_videos_operation", "_get"), "called by operations.get"),
    "start_stream": "reads through the function that waits for one message",
    "receive": "reads through the function that waits for one message",
    **dict.fromkeys(("list", "_list"), "a list of jobs or contents that states no usage of its own"),
    "record_history": "keeps a reply that was counted",
    "get": "looks cached content up, which was counted when it was stored",
}
"""Functions that return usage and need no patch point of their own, with the reason."""


def functions():
    """Every function of the SDK's clients that can return a type with usage: class, name and function."""
    for name in MODULES:
        try:
            module = importlib.import_module(f"google.genai.{name}")
        except ImportError:
            continue
        for owner, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ != module.__name__ or owner.endswith("Dict"):
                continue
            for function, value in vars(kind).items():
                returns = getattr(value, "__annotations__", {}).get("return", "")
                if inspect.isfunction(value) and CARRIERS.search(str(returns)):
                    yield owner, function


def covered(points=PATCH_POINTS):
    """Return class and name of every function that is wrapped."""
    every = (*points, *embedding_points(importlib.import_module))
    return {(point.owner, point.name) for point in every}


def missing(points=PATCH_POINTS):
    """Return functions that can return usage and are not counted."""
    replaced = covered(points)
    return [
        f"{owner}.{name}" for owner, name in functions() if (owner, name) not in replaced and name not in PASSED_THROUGH
    ]


def test_every_function_that_can_return_usage_has_a_patch_point():
    """A release of the SDK that adds one fails here, before it bills uncounted."""
    assert missing() == []
    assert len(set(functions())) > 20


@pytest.mark.skipif(SDK_VERSION < (3, 6), reason="this google-genai has no decisions")
def test_a_removed_patch_point_is_noticed():
    """Without its patch point a function is named, so that the test above can fail."""
    without = [point for point in PATCH_POINTS if (point.owner, point.name) != ("Decisions", "create")]
    assert missing(without) == ["Decisions.create"]


def test_every_type_with_usage_is_known():
    """Each model of the SDK that carries usage is one that the functions above return, or is inside of one."""
    known = set(re.findall(r"\w+", CARRIERS.pattern))
    inside = {"LiveServerMessage", "CachedContent", "GenerateContentResponse", "EmbedContentResponse"}
    carriers = {
        name
        for name, kind in inspect.getmembers(types, inspect.isclass)
        if any(field in getattr(kind, "model_fields", {}) for field in USAGE_FIELDS)
    }
    assert carriers <= known | inside


def test_the_installed_sdk_is_covered():
    """Every patch point that the installed version has is the known function."""
    assert uncovered(importlib.import_module, ()) == []
