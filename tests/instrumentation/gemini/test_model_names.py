"""Promises of :mod:`hydrochat_otel.prices.model_names`, and of the labels made from the names."""

import pytest
from instrumentation.gemini.client_calls import ask
from instrumentation.gemini.scenario_runner import FLASH, open_client
from opentelemetry.metrics import NoOpMeter
from opentelemetry.trace import NoOpTracer

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import labels
from hydrochat_otel.instrumentation.gemini.call_labels import CallLabelCache
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.model_names import bare_id, price_ids
from hydrochat_otel.testing.replies import answer


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("gemini-2.5-flash", "gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google/gemini-2.5-flash", "gemini-2.5-flash"),
        ("publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("projects/ward/locations/asia/publishers/google/models/gemini-2.0-flash-001", "gemini-2.0-flash-001"),
        ("Gemini-2.5-Flash ", "gemini-2.5-flash"),
        ("gemini-2.0-flash@001", "gemini-2.0-flash"),
        ("tunedModels/12345", "tuned-model"),
        ("projects/ward/locations/asia/endpoints/98765432", "tuned-model"),
        ("", ""),
    ],
)
def test_a_bare_id_is_the_same_for_every_form(name, bare):
    """Prefixes, letter case and version marks do not make another model."""
    assert bare_id(name) == bare


@pytest.mark.parametrize(
    ("model", "ids"),
    [
        ("gemini-2.0-flash-001", ["gemini-2.0-flash-001", "gemini-2.0-flash"]),
        ("gemini-flash-latest", ["gemini-flash-latest", "gemini-flash"]),
        ("gemini-2.5-pro", ["gemini-2.5-pro"]),
    ],
)
def test_a_price_is_looked_up_exactly_first(model, ids):
    """The exact id comes first, then the one without its release suffix."""
    assert list(price_ids(model)) == ids


@pytest.mark.parametrize(
    "model",
    [
        "gemini-2.0-flash-exp",
        "gemini-2.5-pro-preview-05-06",
        "gemini-2.5-flash-native-audio-preview-12-2025",
        "gemini-1.5-flash-8b",
        "gemini-robotics-er-1.5-preview",
        "gemini-9-ultra",
        "text-embedding-004",
        "imagen-4.0-generate-001",
        "veo-3.0-fast-generate-001",
        "gemma-3n-e4b-it",
    ],
)
def test_models_of_known_families_are_labels(model):
    """Later models are labels, too, as long as the vendor's words stay."""
    assert labels.model_names().admit(model) == model


@pytest.mark.parametrize(
    "name",
    [
        "gemini-tan-ah-kow",
        "gemini-s1234567d",
        "gemini-12-05-2021",
        "gemini-1951-07-23",
        "tan",
        "S1234567D",
        "gemini 2.5",
        "",
    ],
)
def test_whatever_else_is_passed_as_a_model_is_other(name):
    """A caller's mistake never becomes a label, whatever it begins with."""
    assert labels.model_names().admit(name) == "other"


@pytest.fixture
def using():
    """Instruments without an exporter."""
    return Instruments(NoOpTracer(), NoOpMeter("x"))


def test_models_with_a_price_are_labels(using, tmp_path):
    """The operator's price file and the price book may name models that no rule of form would admit."""
    path = tmp_path / "prices.toml"
    path.write_text('[models."ward-assistant"]\ninput = 1\noutput = 2\n')
    book = PriceBook(path)
    book.age_s(0.0)  # loads what the first call loads in a thread
    label_cache = CallLabelCache(book)
    admitted = [label_cache.label(using, name) for name in ("models/ward-assistant", "gemini-4-argon", "ward-nurse")]
    assert admitted == ["ward-assistant", "gemini-4-argon", "other"]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://generativelanguage.googleapis.com/", ("generativelanguage.googleapis.com", 443)),
        ("https://nurse:secret@gateway.example:8443/S1234567D?patient=tan#x", ("gateway.example", 8443)),
        ("http://[::1]:80/", ("::1", 80)),
        ("https://patient-1234567.example", ("other", 443)),
        ("nonsense", (None, None)),
        ("http://h:port/", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_server_is_a_host_and_a_port(using, url, server):
    """User, path and query are never read, and a host that contains a record number is `other`."""
    labels = CallLabelCache(PriceBook()).at(using, "generate_content", FLASH, None, {"http_options": {"base_url": url}})
    assert (labels.attributes.get(semconv.SERVER_ADDRESS), labels.attributes.get(semconv.SERVER_PORT)) == server


def test_one_site_serves_all_calls_of_a_model(using):
    """What does not change from call to call is made once."""
    label_cache = CallLabelCache(PriceBook())
    assert label_cache.at(using, "generate_content", FLASH, None, None) is label_cache.at(
        using, "generate_content", FLASH, None, None
    )


def test_the_two_providers_are_distinguished(emulator, meters, instrumentor):
    """Gemini API and Vertex AI have different providers."""
    for vertex in (False, True):
        emulator.script(answer("Yes."))
        ask()(open_client(emulator, vertex=vertex))
    assert [span.attributes[semconv.GEN_AI_PROVIDER] for span in meters.spans] == ["gcp.gemini", "gcp.vertex_ai"]
