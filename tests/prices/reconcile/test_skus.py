"""Promises of :mod:`hydrochat_otel.prices.reconcile.skus`, and of the units of amounts."""

import pytest
from hypothesis import given, settings, strategies as st

from hydrochat_otel.prices.reconcile.amounts import tokens_per_unit
from hydrochat_otel.prices.reconcile.skus import Skus

KNOWN = Skus(
    [
        "gemini-2.0-flash", "gemini-2.0-flash-lite", "gemini-2.5-flash", "gemini-2.5-flash-image",
        "gemini-2.5-flash-lite", "gemini-2.5-pro", "gemini-3-flash-preview", "gemini-3-pro-image-preview",
        "gemini-3-pro-preview", "gemini-3.1-flash-image-preview", "gemini-3.1-flash-lite", "gemini-embedding-001",
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "model", "kind"),
    [
        ("gemini-2.5-flash", "gemini-2.5-flash", "tokens"),
        ("models/gemini-2.0-flash-001", "gemini-2.0-flash", "tokens"),
        ("Gemini 2.5 Flash GA Text Input - Predictions", "gemini-2.5-flash", "tokens"),
        ("Gemini 2.5 Flash Lite Text Output - Predictions", "gemini-2.5-flash-lite", "tokens"),
        ("Gemini 2.5 Flash Thinking Text Output - Predictions", "gemini-2.5-flash", "tokens"),
        ("Gemini 2.5 Flash Image Input", "gemini-2.5-flash", "tokens"),
        ("Gemini 2.5 Flash Native Image Generation", "gemini-2.5-flash-image", "tokens"),
        ("Gemini 3.1 Flash Image Image Output - Predictions", "gemini-3.1-flash-image-preview", "tokens"),
        ("Gemini 3.0 Pro Image Input Caching", "gemini-3-pro-preview", "tokens"),
        ("Generate_content text output token count for gemini 3 pro short", "gemini-3-pro-preview", "tokens"),
        ("Generate_content image output token count for Gemini 3 Pro Image", "gemini-3-pro-image-preview", "tokens"),
        ("Generate_content text output token count for gemini 3 flash batch", "gemini-3-flash-preview", "batch"),
        ("Generate content output token count Gemini 2.5 Pro short output text", "gemini-2.5-pro", "tokens"),
        ("GenerateContent image input token count for Gemini 2.0 Flash", "gemini-2.0-flash", "tokens"),
        ("Generate content cached input token count gemini 2.5 flash input short text", "gemini-2.5-flash", "tokens"),
        ("Gemini 2.5 Flash Text Input - Batch Predictions", "gemini-2.5-flash", "batch"),
        ("Gemini 2.5 Flash Input Text Caching Storage", "gemini-2.5-flash", "storage"),
        ("Number of queries with search grounding", "(grounding)", "grounding"),
        ("Gemini 2.5 Flash grounding with Google Search", "gemini-2.5-flash", "grounding"),
        ("Gemini 9 Ultra Text Input", "(unknown model)", "tokens"),
        ("Cloud Run CPU", "(no model)", "other"),
        ("", "(no model)", "other"),
    ],
)
def test_a_text_belongs_to_the_model_that_it_names(text, model, kind):
    """Google's spellings of a model, with and without its id, give the model and what the amounts count."""
    assert tuple(KNOWN.read(text)) == (model, kind)


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_any_text_belongs_to_some_model(text):
    """No text raises an exception."""
    assert KNOWN.read(text).model


@pytest.mark.parametrize(
    ("unit", "tokens"),
    [
        ("", 1), ("count", 1), ("Tokens", 1), ("k", 1000), ("1K tokens", 1000), ("thousand tokens", 1000),
        ("1,000 tokens", 1000), ("M", 10**6), ("1M tokens", 10**6), ("million count", 10**6), ("token-hours", None),
        ("h", None), ("hour", None), ("1M token hours", None), ("k{char}", None), ("images", None), ("month", None),
        ("requests", None), ("x" * 1000, None), ("9" * 1000, None),
    ],
)  # fmt: skip
def test_a_unit_says_whether_it_counts_tokens(unit, tokens):
    """Thousands and millions multiply; hours of storage, characters, images and requests are not tokens."""
    assert tokens_per_unit(unit) == tokens
