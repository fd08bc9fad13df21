"""Labels and attributes that all calls of one operation with one model on one server share, made once and cached."""

import re
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.request_facts import Attributes, facts
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.instrumentation.labels import ClosedSet, model_form
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.model_names import TUNED_MODEL, UNKNOWN_MODEL, bare_id

_MOST_KEPT: Final = 1024
_MOST_HOSTS: Final = 32
_PORTS: Final = {"http": 80, "https": 443}
# Labels of a host name or address; no run of five digits, so that no record number is accepted.
model_form()  # compiled while the SDK is imported, not in the first call

_HOST: Final = re.compile(r"(?!.*\d{5})[a-z0-9]([a-z0-9.\-]*[a-z0-9])?|[0-9a-f:]+", re.ASCII)


class CallLabels(NamedTuple):
    """What all calls of one operation with one model on one server share.

    Attributes:
        operation: Operation of Gemini, value of ``hydrochat.llm.operation``.
        span_name: The conventions' name of the operation, and the model label.
        model: The model label: the bare id if it belongs to the closed set, else ``other``.
        model_id: The model as the caller named it, for looking up its price; never a label.
        attributes: The attributes of every point of the conventions' histograms.
        span_attributes: Initial attributes of the span.
        has_output: Whether it can use output tokens; embeddings cannot.
        has_tokens: Whether its calls use tokens.
        is_billed: Whether its calls may cost money; counting tokens does not.
        is_result: Whether it records the usage of earlier work, whose request was the call.
        by_http: Whether each of its calls needs an HTTP request.
        asked: Initial attributes of the span of a call without a configuration, by whether its reply is streamed.
    """

    operation: str
    span_name: str
    model: str
    model_id: str
    attributes: dict[str, AttributeValue]
    span_attributes: dict[str, AttributeValue]
    has_output: bool
    has_tokens: bool
    is_billed: bool
    is_result: bool
    by_http: bool
    asked: tuple[Attributes, Attributes]


class CallLabelCache:
    """Makes and caches the labels of calls; any thread may call."""

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices
        self._kept: dict[tuple[Any, ...], CallLabels] = {}
        self._labels: dict[tuple[Instruments, str], str] = {}
        self._hosts = ClosedSet("server", _MOST_HOSTS, lambda: _HOST)

    def at(self, using: Instruments, operation: str, model: object, api_client: Any, config: object) -> CallLabels:
        """Return the labels of a call.

        Args:
            using: The instruments with the closed set of models.
            operation: Operation of Gemini.
            model: What the caller passed as the model.
            api_client: The SDK's client, which has the server's address; None if there is none.
            config: The call's configuration, which may name another server.
        """
        url = (None if config is None else _base_url_of(config)) or _client_url(api_client)
        key = (using, operation, model, url, getattr(api_client, "vertexai", None))
        try:
            return self._kept[key]
        except (KeyError, TypeError):
            vertex = bool(getattr(api_client, "vertexai", False))
            labels = self._make(using, operation, str(model or ""), url, vertex=vertex)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        if isinstance(model, str):
            self._kept[key] = labels
        return labels

    def label(self, using: Instruments, model: str) -> str:
        """Return the model label of any form of a model's id."""
        try:
            return self._labels[using, model]
        except KeyError:
            pass
        bare = bare_id(model)
        label = bare if bare == TUNED_MODEL or self._prices.lists(bare) else using.model_names.admit(bare)
        if len(self._labels) >= _MOST_KEPT:
            self._labels.clear()
        self._labels[using, model] = label
        return label

    def _make(self, using: Instruments, operation: str, model_id: str, url: object, *, vertex: bool) -> CallLabels:
        model = self.label(using, model_id) if model_id else UNKNOWN_MODEL
        name = semconv.convention_operation(operation)
        attributes: dict[str, AttributeValue] = {
            semconv.GEN_AI_OPERATION: name,
            semconv.GEN_AI_PROVIDER: semconv.PROVIDER_VERTEX if vertex else semconv.PROVIDER_GEMINI,
        }
        if model_id:
            attributes[semconv.GEN_AI_REQUEST_MODEL] = model
        host, port = _server(url)
        if host:
            attributes[semconv.SERVER_ADDRESS] = self._hosts.admit(host)
            if port:
                attributes[semconv.SERVER_PORT] = port
        span_name = f"{name} {model}" if model_id else name
        own = {} if name == operation else {semconv.LLM_OPERATION: operation}
        of_span = attributes | own
        is_result = operation in semconv.RESULT_OPERATIONS
        return CallLabels(
            operation,
            span_name,
            model,
            model_id,
            attributes,
            of_span,
            has_output=operation != "embeddings",
            has_tokens=operation in semconv.TOKEN_OPERATIONS,
            is_billed=operation not in semconv.UNBILLED_OPERATIONS,
            is_result=is_result,
            by_http=not is_result and operation not in semconv.SOCKET_OPERATIONS,
            asked=(of_span | facts(operation, None, stream=False), of_span | facts(operation, None, stream=True)),
        )


def _client_url(api_client: Any) -> object:
    options = getattr(api_client, "_http_options", None)
    return options.get("base_url") if isinstance(options, dict) else getattr(options, "base_url", None)


def _base_url_of(config: object) -> object:
    options = config.get("http_options") if isinstance(config, dict) else getattr(config, "http_options", None)
    if options is None:
        return None
    return options.get("base_url") if isinstance(options, dict) else getattr(options, "base_url", None)


def _server(url: object) -> tuple[str, int]:
    """Return host and port; never reads user, path or query of the URL."""
    try:
        parts = urlsplit(str(url or ""))
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
