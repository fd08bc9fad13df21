from pathlib import Path

import yaml

from hydrochat_otel import semconv
from hydrochat_otel.demo.workload import run_workload
from hydrochat_otel.prices.counts import MODALITIES

CONFIG = Path(__file__).parents[2] / "collector-config.yaml"
# The wheel is tested without the files of the repository's top level.
__test__ = CONFIG.exists()

RENAMED = {"otlp", "batch", "logging", "spanmetrics", "healthcheck", "prometheusremotewrite"}
"""Component names that newer collectors have removed or discourage; `otlp` still exists as a receiver."""


def config():
    return yaml.safe_load(CONFIG.read_text())


def test_what_the_package_emits_passes_the_redaction(installed, install, exported, emulator):
    """Every attribute of the spans of a whole workload, and of every declared metric, is on the collector's list."""
    installed.instrumentor.instrument()
    run_workload(emulator.base_url, turns=24, time_scale=0.01)
    spans = exported.get_finished_spans()
    assert len(spans) > 100
    emitted = {key for span in spans for key in span.attributes}
    emitted |= {attribute for spec in semconv.METRICS for attribute in spec.attributes} | declared()
    assert emitted <= set(config()["processors"]["redaction"]["allowed_keys"])


def declared():
    """Return every attribute in semconv."""
    texts = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    prefixes = ("hydrochat.", "gen_ai.", "error.", "server.")
    by_modality = {
        f"{semconv.MODALITY_TOKENS}{bucket}.{modality.lower()}"
        for bucket in semconv.TOKEN_BUCKETS
        for modality in MODALITIES
    }
    return by_modality | {text for text in texts if text.startswith(prefixes) and not text.endswith(".")}


def test_every_pipeline_limits_its_memory_first_and_redacts():
    """Data from outside passes the memory limiter first, and redaction last."""
    pipelines = config()["service"]["pipelines"]
    outside = {name: one["processors"] for name, one in pipelines.items() if one["receivers"] == ["otlp"]}
    assert outside == {
        "traces": ["memory_limiter", "transform", "redaction"],
        "metrics": ["memory_limiter", "redaction/metrics"],
    }


def test_components_have_their_current_names():
    """No component has a removed name."""
    used = {
        kind: {name.partition("/")[0] for name in config()[kind]} for kind in ("exporters", "processors", "connectors")
    }
    assert {kind: names & RENAMED for kind, names in used.items()} == {kind: set() for kind in used}


def test_it_listens_on_loopback_unless_told_otherwise():
    """Every address is 127.0.0.1 by default."""
    text = CONFIG.read_text()
    assert text.count("${env:COLLECTOR_HOST:-127.0.0.1}") == text.count("COLLECTOR_HOST") == 5
    assert "0.0.0.0" not in text
