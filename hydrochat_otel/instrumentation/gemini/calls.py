"""The object that the patched functions hold: it begins their calls."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.util.types import AttributeValue

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini.call import Call
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabelCache
from hydrochat_otel.instrumentation.gemini.late_usage import LateUsage
from hydrochat_otel.instrumentation.gemini.request_facts import RequestAttributes
from hydrochat_otel.instrumentation.gemini.storage import Storage
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.runtime import failures


class Calls:
    """Begins calls; the patched functions hold it.

    Args:
        prices: The price book for its calls.
    """

    def __init__(self, prices: PriceBook) -> None:
        self.prices = prices
        self.label_cache = CallLabelCache(prices)
        self.late = LateUsage()
        self.storage = Storage(self.begin)

    def begin(
        self, operation: str, model: object, api_client: Any, config: object = None, *, stream: bool = False
    ) -> Call | None:
        """Begin a call; never raises, None if the telemetry failed and the call continues without it."""
        try:
            bound = instruments.binding.bound
            using = instruments.current() if bound is None else bound
            labels = self.label_cache.at(using, operation, model, api_client, config)
            if config is None:
                asked: Mapping[str, AttributeValue] = labels.asked[stream]
            else:
                asked = RequestAttributes(labels.span_attributes, operation, config, stream=stream)
            return Call(labels, self.label_cache, self.prices, using, asked)
        except BaseException as error:
            failures.note("google_genai.begin", error)
            return None
