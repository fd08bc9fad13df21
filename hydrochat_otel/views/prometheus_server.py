"""The client for Prometheus as a server: its query API, with every result checked.

One deadline and one size limit cover each query, redirects are not followed, and the user and password of the address
never leave the request. Every failure is one :class:`PrometheusError` with a sentence that is safe to print.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode, urlsplit

import orjson

from hydrochat_otel.runtime.deadline_fetch import Fetched, FetchError, FetchTimeoutError, fetch
from hydrochat_otel.views import formats

DEADLINE_S: Final = 8.0
MAX_BYTES: Final = 4_000_000

_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_GATEWAY_TIMEOUT: Final = 504
_LONGEST_NUMBER: Final = 64
_LONGEST_REASON: Final = 200

ResultType = Literal["matrix", "vector"]


class PrometheusError(Exception):
    """The query has no result; the message is a sentence, `status` is our endpoint's answer: 502, 503 or 504."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Series(NamedTuple):
    """One series of a result: its labels, and its samples as seconds since the epoch with the value as written."""

    labels: Mapping[str, str]
    samples: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """One Prometheus; any thread may call, each call blocks until its deadline at most.

    Attributes:
        url: Its address up to, but without, ``/api/v1``; a user and password in it are sent as basic authentication.
        name: Its name in sentences; by default the address without user and password.
        deadline_s: Seconds for one query.
        max_bytes: The longest answer that is read.
    """

    url: str = field(repr=False)
    name: str = ""
    deadline_s: float = DEADLINE_S
    max_bytes: int = MAX_BYTES

    def instant(self, query: str, at_unix_s: float, *, result: ResultType = "vector") -> list[Series]:
        """Return the value of the expression at a moment; a range selector gives a ``matrix``.

        Raises:
            PrometheusError: Unreachable, late, too long, or not a result of the requested type.
        """
        return self._series("query", {"query": query, "time": at_unix_s}, result)

    def over(self, query: str, start_unix_s: float, end_unix_s: float, step_s: int) -> list[Series]:
        """Return the value of the expression at each step from the start to the end.

        Raises:
            PrometheusError: As :meth:`instant`.
        """
        form = {"query": query, "start": start_unix_s, "end": end_unix_s, "step": step_s}
        return self._series("query_range", form, "matrix")

    def malformed(self) -> PrometheusError:
        """Return the error for an answer that does not fit the query; callers with stricter checks raise it, too."""
        return PrometheusError(502, f"Prometheus at {self._name()} returns an unexpected result.")

    def _series(self, endpoint: str, form: Mapping[str, Any], result: ResultType) -> list[Series]:
        fetched = self._fetched(endpoint, form)
        if fetched.status != _OK:
            raise self._refused(fetched)
        try:
            return _read(fetched.body, result)
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
            raise self.malformed() from None

    def _fetched(self, endpoint: str, form: Mapping[str, Any]) -> Fetched:
        timeout = {"timeout": f"{max(1, int(self.deadline_s))}s"}
        try:
            return fetch(
                f"{self.url.rstrip('/')}/api/v1/{endpoint}",
                method="POST",
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                body=urlencode({**form, **timeout}).encode(),
                deadline_s=self.deadline_s,
                max_bytes=self.max_bytes,
            )
        except FetchTimeoutError as error:
            raise PrometheusError(504, f"Prometheus at {self._name()} {error}.") from None
        except FetchError as error:
            raise PrometheusError(502, f"Prometheus at {self._name()} {error}.") from None
        except ValueError:
            raise PrometheusError(
                502, f"Prometheus at {self._name()} has no valid http:// or https:// address."
            ) from None

    def _refused(self, fetched: Fetched) -> PrometheusError:
        if fetched.status in _REDIRECTS:
            return PrometheusError(
                502, f"Prometheus at {self._name()} redirects (status {fetched.status}); redirects are not followed."
            )
        kind, reason = _reason(fetched.body)
        is_late = fetched.status == _GATEWAY_TIMEOUT or kind == "timeout"
        detail = f": {reason}" if reason else "."
        return PrometheusError(
            504 if is_late else 502, f"Prometheus at {self._name()} answers with status {fetched.status}{detail}"
        )

    def _name(self) -> str:
        return self.name or address(self.url)


def address(url: str) -> str:
    """Return host and path of a URL, without user and password and without control characters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid address"
    return formats.printable(parts.netloc.rpartition("@")[2] + parts.path.rstrip("/"), _LONGEST_REASON)


def _read(body: bytes, result: ResultType) -> list[Series]:
    """Return the series of an answer; raises one of several errors if it is anything else."""
    found = orjson.loads(body)
    if found["status"] != "success" or found["data"]["resultType"] != result:
        raise ValueError
    return [_one(series, result) for series in found["data"]["result"]]


def _one(series: Mapping[str, Any], result: ResultType) -> Series:
    labels = {_text(name): _text(value) for name, value in series["metric"].items()}
    samples = series["values"] if result == "matrix" else [series["value"]]
    return Series(labels, tuple((float(unix_s), _number(text)) for unix_s, text in samples))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: object) -> str:
    text = _text(value)
    if len(text) > _LONGEST_NUMBER or not text.isascii() or "_" in text:
        raise ValueError
    float(text)
    return text


def _reason(body: bytes) -> tuple[str, str]:
    """Return type and text of Prometheus' own error; two empty texts if the body is anything else."""
    try:
        found = orjson.loads(body)
        return _text(found["errorType"]), formats.printable(_text(found.get("error", "")), _LONGEST_REASON)
    except (ValueError, TypeError, KeyError):
        return "", ""
