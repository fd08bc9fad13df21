"""Checks of a running service, from its answers at its address."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from prometheus_client.parser import text_string_to_metric_families

from hydrochat_otel.doctor.findings import Check, Finding, Level, Subject
from hydrochat_otel.runtime.deadline_fetch import Fetched, FetchError, fetch

REPORT: Final = "service"
_DEADLINE_S: Final = 10.0
_MAX_BYTES: Final = 32_000_000
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403
_MOST_SKEW_S: Final = 5.0
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def look(url: str, token: str | None) -> dict[str, Any]:
    """Request everything that the checks need from a service; an entry ``failed`` says why there is no result."""
    base = url.rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        found: dict[str, Any] = {"url": base, "health": _get(f"{base}/healthz").status}
        found["anonymous"] = _get(f"{base}/metrics").status
        metrics = _get(f"{base}/metrics", {**headers, "Accept": "text/plain; version=0.0.4"})
        found["status"] = metrics.status
        if metrics.status == _OK:
            found["samples"] = _samples(metrics.body.decode())
            found["exemplars"] = b"# {trace_id" in _get(f"{base}/metrics", {**headers, "Accept": _OPENMETRICS}).body
            export = _get(f"{base}/api/hydrochat/metrics/export/", headers)
            found["document"] = orjson.loads(export.body) if export.status == _OK else None
            found["asked_unix_s"] = time.time()
    except (FetchError, ValueError) as error:
        return {"url": base, "failed": str(error)}
    return found


def _get(url: str, headers: Mapping[str, str] | None = None) -> Fetched:
    return fetch(url, headers=headers, deadline_s=_DEADLINE_S, max_bytes=_MAX_BYTES)


def _samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def answers(subject: Subject) -> Iterator[Finding]:
    """Report whether the service answers, refuses requests without a token and accepts the token."""
    found = subject.reports[REPORT]
    where = urlsplit(found["url"]).netloc.rpartition("@")[2]
    if "failed" in found:
        yield Finding("service", Level.PROBLEM, f"{where} {found['failed']}.", "Check the address and the network.")
        return
    if found["health"] != _OK:
        yield Finding(
            "service",
            Level.PROBLEM,
            f"{where}/healthz answers with status {found['health']}.",
            "Check the address: it must be a service with hydrochat_otel.",
        )
        return
    yield Finding("service", Level.OK, f"{where} answers.")
    if found["anonymous"] == _OK:
        yield Finding("service-access", Level.PROBLEM, "/metrics is open without a token.", "Require a token.")
    elif found["status"] in {_UNAUTHORIZED, _FORBIDDEN}:
        yield Finding(
            "service-access",
            Level.PROBLEM,
            f"The token is rejected with status {found['status']}.",
            "Use the token of the service: --token-file, or HYDROCHAT_METRICS_TOKEN.",
        )
    elif found["status"] != _OK:
        yield Finding(
            "service-access", Level.PROBLEM, f"/metrics answers with status {found['status']}.", "Read its log."
        )
    else:
        yield Finding("service-access", Level.OK, "Closed without the token, open with it.")
    host = urlsplit(found["url"])
    if host.scheme == "http" and host.hostname not in _LOCAL:
        cure = "Put a proxy with TLS before it, unless the network is private."
        yield Finding("service-tls", Level.WARNING, "The token travels in plain HTTP.", cure)


def hooks(subject: Subject) -> Iterator[Finding]:
    """Report whether Gemini is counted in the service, and where its telemetry failed."""
    samples = _found(subject)
    active = {value for name, _, value in samples if name == "hydrochat_instrumentation_active"}
    if active == {0.0}:
        yield Finding(
            "service-gemini",
            Level.PROBLEM,
            "google-genai is imported in the service and its calls are not counted.",
            "Look in its log for google_genai.incompatible, and run `hydrochat-otel doctor` there.",
        )
    elif 0.0 in active:
        yield Finding("service-gemini", Level.WARNING, "Some of the processes do not count calls to Gemini.")
    else:
        sentence = "Calls to Gemini are counted." if active else "No process has imported google-genai."
        yield Finding("service-gemini", Level.OK if active else Level.NOTE, sentence)
    errors = _by_label(samples, "hydrochat_telemetry_errors_total", "hydrochat_seam")
    if errors:
        shown = ", ".join(f"{component}: {count:g}" for component, count in sorted(errors.items()))
        yield Finding(
            "service-errors",
            Level.WARNING,
            f"Telemetry of the service failed at {shown}.",
            "Each first failure is in the log of hydrochat_otel, with its cause.",
        )
    else:
        yield Finding("service-errors", Level.OK, "Telemetry of the service did not fail.")


def money(subject: Subject) -> Iterator[Finding]:
    """Report what the totals of the service miss."""
    samples = _found(subject)
    for check, name, label, what, cure in (
        ("service-unpriced", "hydrochat_llm_unpriced_tokens_total", "gen_ai_response_model", "tokens without a price",
         "Add the models to the file that HYDROCHAT_PRICES names."),
        ("service-unreconciled", "hydrochat_llm_unreconciled_calls_total", "gen_ai_response_model",
         "calls whose tokens do not add up", "Compare with the bill: `hydrochat-otel reconcile`."),
        ("service-incomplete", "hydrochat_llm_incomplete_calls_total", "gen_ai_response_model",
         "calls that ended before their usage was known", "The dollars are a lower bound."),
        ("service-labels", "hydrochat_label_refusals_total", "hydrochat_label", "names that were counted as `other`",
         "Raise HYDROCHAT_MAX_OPERATIONS, or use fewer names; the log says which rule refused them."),
    ):  # fmt: skip
        missing = _by_label(samples, name, label)
        if missing:
            shown = ", ".join(f"{model or 'all'}: {count:,.0f}" for model, count in sorted(missing.items()))
            yield Finding(check, Level.WARNING, f"There are {what}: {shown}.", cure)
        else:
            yield Finding(check, Level.OK, f"No {what}.")


def state(subject: Subject) -> Iterator[Finding]:
    """Report which processes the numbers cover, and whether the state works."""
    document = subject.reports[REPORT].get("document")
    if not isinstance(document, dict):
        return
    kept = document["state"]
    if kept["problem"]:
        cure = "Repair the state; until then numbers wait in the processes."
        yield Finding("service-state", Level.PROBLEM, str(kept["problem"]), cure)
    elif kept.get("notice"):  # null, or of a release that has none
        yield Finding("service-state", Level.WARNING, str(kept["notice"]), "Set OTEL_SERVICE_NAME there.")
    else:
        sentence = f"The numbers of {kept['workers']} process(es), kept in {kept['kind']}."
        yield Finding("service-state", Level.OK, sentence)
    skew_s = abs(subject.reports[REPORT]["asked_unix_s"] - datetime.fromisoformat(document["timestamp"]).timestamp())
    if skew_s > _MOST_SKEW_S:
        cure = "Synchronise both clocks, for instance by NTP."
        yield Finding("service-clock", Level.WARNING, f"Its clock and the one here differ by {skew_s:.0f} s.", cure)
    else:
        yield Finding("service-clock", Level.OK, "Its clock and the one here agree.")


def exemplars(subject: Subject) -> Iterator[Finding]:
    """Report whether its metrics lead to traces."""
    on = subject.reports[REPORT].get("exemplars")
    if on is None:
        return
    sentence = "Its metrics carry exemplars." if on else "Its metrics carry no exemplars yet."
    cure = "" if on else "They come with the first sampled trace; check OTEL_TRACES_SAMPLER if there is none."
    yield Finding("service-exemplars", Level.OK if on else Level.NOTE, sentence, cure)


def _found(subject: Subject) -> list[tuple[str, dict[str, str], float]]:
    found: list[tuple[str, dict[str, str], float]] = subject.reports[REPORT].get("samples", [])
    return found


def _by_label(samples: list[tuple[str, dict[str, str], float]], name: str, label: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for found, labels, value in samples:
        if found == name and value > 0:
            key = labels.get(label) or labels.get("gen_ai_request_model", "")
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _answered(check: Check) -> Check:
    def run(subject: Subject) -> Iterator[Finding]:
        if "samples" in subject.reports[REPORT]:
            yield from check(subject)

    run.__name__ = check.__name__
    return run


CHECKS: Final[tuple[Check, ...]] = (answers, *map(_answered, (hooks, money, state, exemplars)))
