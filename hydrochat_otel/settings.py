"""The settings: process environment and Django settings become one frozen, validated record.

Written by hand on the standard library because this module is on the path of ``import hydrochat_otel``, which may cost
no more than the OpenTelemetry SDK itself; a schema library would double it.
"""

import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

MISSING: Final = object()


class SettingsError(ValueError):
    """A setting has an invalid value; the message names it, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one setting is read: its variable, how text becomes a value, and a description of what is allowed."""

    variable: str
    parse: Callable[[Any], Any]
    allowed: str
    secret: bool = False


def _whole(minimum: int) -> Callable[[Any], int]:
    def parse(raw: Any) -> int:
        if isinstance(raw, bool) or (isinstance(raw, float) and not raw.is_integer()):
            raise ValueError
        value = int(raw)
        if value < minimum:
            raise ValueError
        return value

    return parse


def _number(*, above: float | None = None, minimum: float | None = None) -> Callable[[Any], float]:
    def parse(raw: Any) -> float:
        if isinstance(raw, bool):
            raise ValueError  # noqa: TRY004 - every invalid value gives the same sentence
        value = float(raw)
        too_low = (above is not None and value <= above) or (minimum is not None and value < minimum)
        if not math.isfinite(value) or too_low:
            raise ValueError
        return value

    return parse


_WORDS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def _switch(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if (word := _WORDS.get(str(raw).strip().lower())) is None:
        raise ValueError
    return word


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError
    return raw.strip()


def _token(raw: Any) -> str:
    text = _text(raw)
    if len(text) < 16 or not all("!" <= c <= "~" for c in text):  # noqa: PLR2004 - stated in the rule's description
        raise ValueError
    return text


def _file(raw: Any) -> Path:
    path = Path(raw)
    if not path.is_file():
        raise ValueError
    return path


def _http_url(raw: Any) -> str:
    text = _text(raw)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or " " in text:
        raise ValueError
    _ = parts.port  # raises for an invalid port
    return text.rstrip("/")


def _trace_url(raw: Any) -> str:
    text = _text(raw)
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "{trace_id}" not in text or " " in text:
        raise ValueError
    return text


_MATCHER: Final = r'[a-zA-Z_][a-zA-Z0-9_]*(?:=|!=|=~|!~)"(?:[^"\\\n]|\\.)*"'


def _matchers(raw: Any) -> str:
    text = _text(raw)
    if not re.fullmatch(rf"{_MATCHER}(?:, ?{_MATCHER})*", text):
        raise ValueError
    return text


_STATE_SCHEMES: Final = frozenset(
    {"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"}
)


def _state(raw: Any) -> str:
    text = _text(raw)
    if text in {"auto", "memory"}:
        return text
    scheme, separator, rest = text.partition("://")
    if not separator or any(c.isspace() for c in text):
        raise ValueError
    if scheme == "sqlite":
        # Absolute only: workers may have different working directories.
        if not rest.startswith("/") or not rest.strip("/") or rest.endswith("/"):
            raise ValueError
    elif scheme not in _STATE_SCHEMES or not rest:
        raise ValueError
    return text


def _timezone(raw: Any) -> str:
    text = _text(raw)
    if text == "UTC":  # also without the system's time zone data
        return text
    try:
        import_module("zoneinfo").ZoneInfo(text)  # only then: reading zones takes milliseconds
    except (KeyError, ValueError, OSError):
        raise ValueError from None
    return text


def _word(*words: str) -> Callable[[Any], str]:
    def parse(raw: Any) -> str:
        text = _text(raw).lower()
        if text not in words:
            raise ValueError
        return text

    return parse


_MOST_DIMENSIONS: Final = 3


def _dimensions(raw: Any) -> tuple[str, ...]:
    names = tuple(name.strip() for name in raw.split(",")) if isinstance(raw, str) else tuple(raw)
    if not 0 < len(set(names)) == len(names) <= _MOST_DIMENSIONS:
        raise ValueError
    if not all(re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) for name in names):
        raise ValueError
    return names


def _words(raw: Any) -> tuple[str, ...]:
    words = raw.split(",") if isinstance(raw, str) else raw
    return tuple(word for one in words if (word := str(one).strip()))


def _port(raw: Any) -> int:
    value = _whole(0)(raw)
    if value > 65535:  # noqa: PLR2004 - the highest TCP port
        raise ValueError
    return value


def _setting(variable: str, default: Any, parse: Callable[[Any], Any], allowed: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"rule": Rule(variable, parse, allowed, secret=secret)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, validated; one record serves one pipeline.

    Build it with :meth:`load`. The constructor takes values as they are and checks nothing.
    """

    response_time_threshold_s: float = _setting(
        "HYDROCHAT_RESPONSE_TIME_THRESHOLD", 2.0, _number(minimum=0), "a number of seconds of at least 0"
    )
    max_entries: int = _setting("METRICS_MAX_ENTRIES", 1000, _whole(1), "a whole number of at least 1")
    ttl_hours: float = _setting("METRICS_TTL_HOURS", 24.0, _number(above=0), "a number of hours above 0")
    cleanup_interval_minutes: float = _setting(
        "METRICS_CLEANUP_INTERVAL_MINUTES", 60.0, _number(above=0), "a number of minutes above 0"
    )
    notable_turns: int = _setting("HYDROCHAT_NOTABLE_TURNS", 50, _whole(0), "a whole number of at least 0")
    retain_other_spans: bool = _setting("HYDROCHAT_RETAIN_OTHER_SPANS", False, _switch, "true or false")
    redact_spans: str = _setting(
        "HYDROCHAT_REDACT_SPANS", "auto", _word("auto", "always", "never"), "auto, always or never"
    )
    max_operations: int = _setting("HYDROCHAT_MAX_OPERATIONS", 200, _whole(1), "a whole number of at least 1")
    queue_capacity: int = _setting("HYDROCHAT_QUEUE_CAPACITY", 32768, _whole(64), "a whole number of at least 64")
    semconv_opt_in: tuple[str, ...] = _setting(
        "OTEL_SEMCONV_STABILITY_OPT_IN", (), _words, "words with commas between them"
    )
    fast: bool = _setting("HYDROCHAT_FAST", True, _switch, "true or false")
    instrument_gemini: bool = _setting("HYDROCHAT_INSTRUMENT_GEMINI", True, _switch, "true or false")
    prices_file: Path | None = _setting("HYDROCHAT_PRICES", None, _file, "the path of a readable price file")
    metrics_token: str | None = _setting(
        "HYDROCHAT_METRICS_TOKEN",
        None,
        _token,
        "at least 16 visible ASCII characters; `openssl rand -hex 24` makes a good one",
        secret=True,
    )
    metrics_token_file: Path | None = _setting(
        "HYDROCHAT_METRICS_TOKEN_FILE",
        None,
        _file,
        "the path of a readable file that holds the token; `HYDROCHAT_METRICS_TOKEN` wins",
    )
    cookie_secure: bool = _setting("HYDROCHAT_COOKIE_SECURE", False, _switch, "true or false")
    trace_url: str | None = _setting(
        "HYDROCHAT_TRACE_URL",
        None,
        _trace_url,
        "the address of a trace with `{trace_id}` in it, such as `https://tempo.example/trace/{trace_id}`",
    )
    prometheus_url: str | None = _setting(
        "HYDROCHAT_PROMETHEUS_URL",
        None,
        _http_url,
        "the address of a Prometheus, such as `http://prometheus:9090`, without a query",
        secret=True,
    )
    prometheus_matchers: str | None = _setting(
        "HYDROCHAT_PROMETHEUS_MATCHERS",
        None,
        _matchers,
        'label matchers without braces, such as `job="chat"`',
    )
    state: str = _setting(
        "HYDROCHAT_STATE",
        "auto",
        _state,
        "`auto`, `memory`, `sqlite:///absolute/path`, or the address of a Redis (`redis://`, `rediss://`, `unix://`, "
        "`redis+sentinel://`, `redis+cluster://`)",
        secret=True,
    )
    publish_interval_s: float = _setting(
        "HYDROCHAT_PUBLISH_INTERVAL", 1.0, _number(minimum=0.05), "a number of seconds of at least 0.05"
    )
    budget_usd: float | None = _setting(
        "HYDROCHAT_BUDGET_USD", None, _number(above=0), "a number of dollars for a day, above 0"
    )
    budget_timezone: str = _setting(
        "HYDROCHAT_BUDGET_TIMEZONE", "UTC", _timezone, "the name of a time zone, such as `Asia/Singapore`"
    )
    cost_dimensions: tuple[str, ...] = _setting(
        "HYDROCHAT_COST_DIMENSIONS",
        (),
        _dimensions,
        "at most three names such as `tenant_tier`, with commas between them",
    )
    serve: str = _setting("HYDROCHAT_SERVE", "auto", _word("auto", "always", "never"), "auto, always or never")
    host: str = _setting("HYDROCHAT_HOST", "127.0.0.1", _text, "a host name or address")
    port: int = _setting("HYDROCHAT_PORT", 9464, _port, "a TCP port from 0 to 65535")
    gemini_api_key: str | None = _setting("GEMINI_API_KEY", None, _text, "a non-empty text", secret=True)
    gemini_model: str = _setting("GEMINI_MODEL", "gemini-2.0-flash-exp", _text, "the name of a model")
    llm_request_timeout_s: float = _setting(
        "LLM_REQUEST_TIMEOUT", 30.0, _number(above=0), "a number of seconds above 0"
    )
    llm_max_retries: int = _setting("LLM_MAX_RETRIES", 3, _whole(0), "a whole number of at least 0")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """Read every setting: overrides win over Django's settings, they over the environment, it over the default.

        An empty environment variable counts as not set, and so does a Django setting or an override of ``None``.

        Args:
            environ: Where variables are looked up; by default the process environment.
            overrides: Values by field name, checked like all others.

        Raises:
            SettingsError: A value is invalid, or an override is not a setting; one sentence says which and what is
                allowed.
        """
        environ = os.environ if environ is None else environ
        known = {f.name: f.metadata["rule"] for f in fields(cls)}
        if unknown := sorted(overrides.keys() - known.keys()):
            raise SettingsError(f"{unknown[0]} is not a setting; the settings are {', '.join(sorted(known))}.")
        values: dict[str, Any] = {}
        for name, rule in known.items():
            raw, origin = _look_up(name, rule.variable, environ, overrides)
            if raw is MISSING:
                continue
            try:
                values[name] = rule.parse(raw)
            except (ValueError, TypeError, OverflowError, OSError):
                shown = "(hidden)" if rule.secret else f"{raw!r:.80}"
                raise SettingsError(f"{origin}={shown} is not allowed: it must be {rule.allowed}.") from None
        if "metrics_token" not in values and "metrics_token_file" in values:
            values["metrics_token"] = _token_of(values["metrics_token_file"])
        return cls(**values)

    @classmethod
    def rules(cls) -> dict[str, tuple[Rule, Any]]:
        """Return each field's rule and default by field name, in the order of the record."""
        return {f.name: (f.metadata["rule"], f.default) for f in fields(cls)}


def _token_of(path: Path) -> str:
    try:
        return _token(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise SettingsError(f"{path} holds no token: it must be at least 16 visible ASCII characters.") from None


def _look_up(name: str, variable: str, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> tuple[Any, str]:
    if overrides.get(name) is not None:
        return overrides[name], name
    if (value := _django_value(variable)) is not None:
        return value, variable
    if value := environ.get(variable, "").strip():
        return value, variable
    return MISSING, variable


def _django_value(variable: str) -> Any:
    """Return the value from Django's settings, or None; never imports or configures Django."""
    django_conf = sys.modules.get("django.conf")
    if django_conf is None or not django_conf.settings.configured:
        return None
    return getattr(django_conf.settings, variable, None)
