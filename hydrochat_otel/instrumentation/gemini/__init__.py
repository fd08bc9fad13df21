"""Calls to Google Gemini through the official google-genai SDK: every token and every cent, once.

- `instrumentor`: puts the wrappers into the SDK and takes them out; `compatibility`: which functions, and their check
- `wrappers`, `streams`, `live`, `interactions`: what stands in for a function of the SDK
- `call`: one billable request; `attempts`: the HTTP requests sent for it; `replies`: what is read from a reply
- `usage`: the five-bucket ledger; `model_names`: bare ids
- `pricing`: from a model and a day to a rate; `rates`: from a rate to dollars; `price_file`: the operator's own prices
- `sites`: labels and attributes, kept; `metering`: feeds the instruments
"""

from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.price_file import PriceFileError

__all__ = ["GeminiInstrumentor", "PriceBook", "PriceFileError"]
