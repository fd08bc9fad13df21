"""Calls to Google Gemini through the official google-genai SDK: every token and every cent, once.

    instrumentor.py   puts the wrappers in and takes them out       compatibility.py  which functions, and their check
    wrappers.py       what stands in for a function of the SDK      streams.py        the same for a stream
    call.py           one billable request                          attempts.py       the HTTP requests sent for it
    replies.py        what is read from a reply                     usage.py          the five-bucket ledger
    pricing.py        from a model and a day to a rate              rates.py          from a rate to dollars
    price_file.py     the operator's own prices                     model_names.py    bare ids
    sites.py          labels and attributes, kept                   metering.py       feeds the instruments
"""

from hydrochat_otel.google_genai.instrumentor import GeminiInstrumentor
from hydrochat_otel.google_genai.price_file import PriceFileError
from hydrochat_otel.google_genai.pricing import PriceBook

__all__ = ["GeminiInstrumentor", "PriceBook", "PriceFileError"]
