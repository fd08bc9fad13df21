"""The options of ``install(...)`` for type checkers: a misspelt option is a type error before it is a SettingsError.

Each field of :class:`hydrochat_otel.Settings` is one option; a test compares the two.
"""

from pathlib import Path
from typing import Literal, TypedDict


class SettingsOptions(TypedDict, total=False):
    """Single settings by field name.

    A missing option, or None, takes its value from Django's settings, the environment or the default.
    """

    response_time_threshold_s: float | None
    max_entries: int | None
    ttl_hours: float | None
    cleanup_interval_minutes: float | None
    retain_other_spans: bool | None
    redact_spans: Literal["auto", "always", "never"] | None
    notable_turns: int | None
    max_operations: int | None
    queue_capacity: int | None
    semconv_opt_in: tuple[str, ...] | str | None
    fast: bool | None
    instrument_gemini: bool | None
    prices_file: Path | str | None
    metrics_token: str | None
    metrics_token_file: Path | str | None
    cookie_secure: bool | None
    prometheus_url: str | None
    prometheus_matchers: str | None
    state: str | None
    publish_interval_s: float | None
    budget_usd: float | None
    budget_timezone: str | None
    cost_dimensions: tuple[str, ...] | str | None
    serve: Literal["auto", "always", "never"] | None
    host: str | None
    port: int | None
    gemini_api_key: str | None
    gemini_model: str | None
    llm_request_timeout_s: float | None
    llm_max_retries: int | None
    trace_url: str | None
