"""The cost of calls to Gemini so far, read from the pipeline: the export's numbers under HydroChat's own names."""

import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hydrochat_otel.hydrochat.client.settings_in_force import settings_in_force, warn_once
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.price_file import PriceFileError
from hydrochat_otel.prices.usage import Tokens
from hydrochat_otel.runtime import process_globals
from hydrochat_otel.settings import Settings
from hydrochat_otel.views import json_export
from hydrochat_otel.window.entries import calls_of

_COUNTED: Final = {
    "successful_calls": "successful_calls",
    "failed_calls": "failed_calls",
    "total_tokens_used": "total_tokens_used",
    "prompt_tokens_used": "prompt_tokens",
    "completion_tokens_used": "completion_tokens",
    "total_cost_usd": "total_cost_usd",
    "unpriced_calls": "unpriced_calls",
    "unpriced_tokens": "unpriced_tokens",
    "unreconciled_calls": "unreconciled_calls",
    "incomplete_calls": "incomplete_calls",
}
"""Our keys and the keys of the export's `llm_api_metrics` with the same numbers."""


class _Baseline:
    """The counters at the last reset, and the providers that they belong to."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.counted: Mapping[str, float] = {}
        self.unix_s = 0.0
        self.providers: weakref.ref[object] | None = None


_baseline: Final = _Baseline()
process_globals.register("the baseline of the Gemini metrics", _baseline.forget)


def get_gemini_metrics_v2() -> dict[str, Any]:
    """Return the calls to Gemini that the pipeline counted, of this whole process and of every client in it.

    Keys: `successful_calls`, `failed_calls` (including those with an unusable answer), `total_tokens_used`,
    `prompt_tokens_used`, `completion_tokens_used`, `total_cost_usd`, what that sum misses (`unpriced_calls`,
    `unpriced_tokens`, `unreconciled_calls`, `incomplete_calls`), and `last_call_timestamp`: ISO 8601 text in UTC of the
    newest call in the window, or None. They are the numbers of the export and ``/metrics`` at that moment, less what
    was counted before the last :func:`reset_gemini_metrics_v2`.
    """
    counted, last_unix_s = _read_counters()
    valid = _baseline.providers is not None and _baseline.providers() is _providers()
    before = _baseline.counted if valid else {}
    metrics: dict[str, Any] = {key: value - before.get(key, 0) for key, value in counted.items()}
    metrics["total_cost_usd"] = round(metrics["total_cost_usd"], 12)
    if last_unix_s is not None and valid and last_unix_s <= _baseline.unix_s:
        last_unix_s = None
    metrics["last_call_timestamp"] = (
        None if last_unix_s is None else datetime.fromtimestamp(last_unix_s, UTC).isoformat()
    )
    return metrics


def reset_gemini_metrics_v2() -> None:
    """Make :func:`get_gemini_metrics_v2` count from now on; the export and ``/metrics`` do not change."""
    counted, last_unix_s = _read_counters()
    _baseline.counted, _baseline.unix_s = counted, last_unix_s or 0.0
    providers = _providers()
    _baseline.providers = None if providers is None else weakref.ref(providers)


def calculate_cost(prompt_tokens: int, completion_tokens: int, model: str | None = None) -> float | None:
    """Return the dollars of the tokens, None if the price of the model is unknown.

    Args:
        prompt_tokens: At least 0.
        completion_tokens: At least 0.
        model: None takes `GEMINI_MODEL`.

    Raises:
        ValueError: A number of tokens is below 0.
    """
    if prompt_tokens < 0 or completion_tokens < 0:
        raise ValueError(
            f"prompt_tokens={prompt_tokens}, completion_tokens={completion_tokens}: both must be 0 or more."
        )
    settings = settings_in_force()
    tokens = Tokens(input_fresh=prompt_tokens, output_answer=completion_tokens)
    return _price_book(settings).cost_usd(model or settings.gemini_model, tokens, datetime.now(UTC).timestamp())


def _read_counters() -> tuple[dict[str, float], float | None]:
    instruments.current()
    try:
        snapshot = pipeline.current().snapshot(fresh=False)
    except PipelineError:
        return dict.fromkeys(_COUNTED, 0), None
    found = json_export.document(snapshot)["llm_api_metrics"]
    calls = (entry.end_unix_s for entry in calls_of(snapshot.entries) if entry.is_call)
    return {key: found[source] for key, source in _COUNTED.items()}, max(calls, default=None)


def _providers() -> object | None:
    try:
        return pipeline.current().meter_provider
    except PipelineError:
        return None


_price_books: Final[dict[object, PriceBook]] = {}
process_globals.register("price books", _price_books.clear)


def _price_book(settings: Settings) -> PriceBook:
    try:
        return pipeline.current().instrumentor.price_book
    except PipelineError:
        pass
    if settings.prices_file not in _price_books:
        try:
            _price_books[settings.prices_file] = PriceBook(settings.prices_file)
        except PriceFileError as error:
            warn_once("prices", f"{error} The built-in prices apply.")
            _price_books[settings.prices_file] = PriceBook()
    return _price_books[settings.prices_file]
