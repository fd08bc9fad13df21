"""``python -m hydrochat_otel.doctor.synthetic``: one call through every hook, counted on both sides, as JSON.

A separate process with its own providers, window and emulated Gemini, so that no synthetic call is ever counted among
real ones. Nothing leaves the machine.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import unwrap
from types import FunctionType
from typing import Any, Final

_MARK: Final = "__hydrochat_otel__"
_SENDS: Final = frozenset({"request", "async_request", "request_streamed", "async_request_streamed", "_post"})
_FREE: Final = ("get", "_get", "list", "_list", "delete", "_delete", "update", "_update", "cancel", "_cancel", "pages")
_MODULES: Final = (
    *("models", "batches", "caches", "tunings", "files", "operations", "tokens", "file_search_stores"),
    "_interactions.resources.interactions",
)
_WITHOUT_USAGE: Final = "embeddings"
"""The last call: its reply may lack token counts, so the two sides are compared before it."""
_MODEL: Final = "gemini-2.0-flash-exp"


def measure() -> dict[str, Any]:
    """Make the calls and return what was sent, what was counted, and which functions of the SDK no patch covers."""
    os.environ.update({"HYDROCHAT_STATE": "memory", "HYDROCHAT_SERVE": "never", "OTEL_SDK_DISABLED": "false"})
    import hydrochat_otel  # noqa: PLC0415 - reads the environment
    from hydrochat_otel.testing import GeminiEmulator, made_up_reply  # noqa: PLC0415 - see above

    pipeline = hydrochat_otel.install(gemini_model=_MODEL, instrument_gemini=True)
    with hydrochat_otel.track_response_time("doctor"):
        pass
    report: dict[str, Any] = {"calls": {}}
    try:
        from google import genai  # noqa: PLC0415 - the library under test, which may not be installed
    except ImportError:
        return report | {"genai": None, "operations": _operations(pipeline)}
    report["genai"] = genai.__version__
    with GeminiEmulator(made_up_reply) as emulator:
        client = genai.Client(api_key="doctor", http_options={"base_url": emulator.base_url})
        before = 0
        for name, call in _calls(client):
            if name == _WITHOUT_USAGE:
                report["billed_tokens"] = emulator.ledger.totals().tokens.total
                report["counted_tokens"] = _document(pipeline)["llm_api_metrics"]["total_tokens_used"]
            try:
                call()
            except Exception as error:
                report["calls"][name] = type(error).__name__
                continue
            counted = _counted(pipeline)
            report["calls"][name] = counted - before
            before = counted
    report["operations"] = _operations(pipeline)
    report["active"] = pipeline.instrumentor.active
    report["uncovered"] = sorted(_uncovered())
    report["exemplars"] = any(point.exemplars for family in pipeline.snapshot().families for point in family.points)
    report["fast_ways"] = _fast_ways()
    return report


def _calls(client: Any) -> Iterator[tuple[str, Any]]:
    yield "generate_content", lambda: client.models.generate_content(model=_MODEL, contents="x")
    yield "stream", lambda: list(client.models.generate_content_stream(model=_MODEL, contents="x"))
    yield "async", lambda: asyncio.run(client.aio.models.generate_content(model=_MODEL, contents="x"))
    yield "chat", lambda: client.chats.create(model=_MODEL).send_message("x")
    yield _WITHOUT_USAGE, lambda: client.models.embed_content(model="gemini-embedding-001", contents="x")


def _document(pipeline: Any) -> dict[str, Any]:
    from hydrochat_otel.views import json_export  # noqa: PLC0415 - see measure

    return json_export.document(pipeline.snapshot())


def _counted(pipeline: Any) -> int:
    return int(_document(pipeline)["llm_api_metrics"]["total_calls"])


def _operations(pipeline: Any) -> int:
    return int(_document(pipeline)["performance_metrics"]["metrics_count"])


def _uncovered() -> Iterator[str]:
    """Yield functions of the SDK that send a request, may cost money, and are not replaced."""
    for name in _MODULES:
        try:
            module = import_module(f"google.genai.{name}")
        except ImportError:
            continue
        for kind in vars(module).values():
            if not isinstance(kind, type) or kind.__module__ != module.__name__:
                continue
            for method, function in vars(kind).items():
                public = vars(kind).get(method.removeprefix("_"))
                if not isinstance(function, FunctionType) or _is_covered(function) or _is_covered(public):
                    continue
                if not method.startswith(_FREE) and not _SENDS.isdisjoint(_names_in(function)):
                    yield f"{name}.{kind.__name__}.{method}"


def _names_in(function: FunctionType) -> tuple[str, ...]:
    """Return the names that the innermost function uses: a decorator of the SDK's own sends nothing."""
    code = getattr(unwrap(function), "__code__", None)
    return code.co_names if code is not None else ()


def _is_covered(function: object) -> bool:
    return bool(getattr(function, _MARK, False))


def _fast_ways() -> Any:
    try:
        return import_module("hydrochat_otel.sdk.fast_ways").report()
    except (ImportError, AttributeError):
        return None


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, default=str)
