"""Promises of the examination: a healthy set-up has no problem, and each broken one has a line with a remedy."""

import contextlib
import socket

import pytest
from doctor.examined import environment

from hydrochat_otel import semconv
from hydrochat_otel.doctor import examination, findings, hooks, shipped_files, versions
from hydrochat_otel.doctor.findings import Level
from hydrochat_otel.doctor.request import Request
from hydrochat_otel.serve.server import Server


@contextlib.contextmanager
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.listen()
        yield taken.getsockname()[1]


def levels(found):
    return {finding.check: finding.level for finding in found}


def test_a_healthy_setup_has_no_problem(tmp_path):
    """Every check reports what it found, the synthetic calls are counted once and to the token, and nothing fails."""
    found = examination.of_setup(environment(tmp_path))
    bad = [finding for finding in found if finding.level in {Level.WARNING, Level.PROBLEM}]
    assert [finding for finding in bad if finding.check != "state"] == []  # the file may be on a tmpfs here
    assert Request().verdict(found) is None
    assert {"versions", "hook-operations", "hook-gemini", "hook-ledger", "dashboards", "exemplars"} <= set(
        levels(found)
    )
    assert all(finding.cure for finding in found if finding.level is Level.NOTE and finding.check != "hook-gemini")


BROKEN = [
    ("settings", {"METRICS_MAX_ENTRIES": "abc"}, Level.PROBLEM, "METRICS_MAX_ENTRIES='abc' is not allowed"),
    ("settings", {"HYDROCHAT_STAET": "memory"}, Level.WARNING, "HYDROCHAT_STAET is not a setting"),
    ("sdk-switch", {"OTEL_SDK_DISABLED": "true"}, Level.PROBLEM, "switches all telemetry off"),
    ("exporters", {"OTEL_METRICS_EXPORTER": "prometheus"}, Level.WARNING, "sends the metrics elsewhere"),
    ("exporters", {"OTEL_METRICS_EXPORTER": "otlp,hydrochat"}, Level.WARNING, "counts everything twice"),
    ("exporters", {"OTEL_METRICS_EXPORTER": "otlp", "HYDROCHAT_SERVE": "always"}, Level.WARNING, "everything twice"),
    ("service-name", {"OTEL_SERVICE_NAME": ""}, Level.WARNING, "The service has no name"),
    ("workers", {"WEB_CONCURRENCY": "4", "HYDROCHAT_STATE": "memory"}, Level.PROBLEM, "4 workers without shared state"),
    ("token", {"HYDROCHAT_METRICS_TOKEN": ""}, Level.PROBLEM, "No token is configured"),
    ("reach", {"HYDROCHAT_HOST": "0.0.0.0"}, Level.WARNING, "Every machine that reaches 0.0.0.0"),
    ("reach", {"HYDROCHAT_HOST": "no-such-host.invalid"}, Level.PROBLEM, "is not an address of this machine"),
    (
        "state",
        {"HYDROCHAT_STATE": "sqlite:///no/such/directory/state.db"},
        Level.PROBLEM,
        "/no/such/directory does not exist",
    ),
    ("state", {"HYDROCHAT_STATE": "redis://127.0.0.1:1/0"}, Level.PROBLEM, ""),
    ("state", {"HYDROCHAT_STATE": "memory"}, Level.NOTE, "totals start at zero"),
    ("configured-model", {"GEMINI_MODEL": "unlisted-9"}, Level.WARNING, "GEMINI_MODEL=unlisted-9 has no known price"),
]


@pytest.mark.parametrize(("check", "broken", "level", "said"), BROKEN, ids=lambda one: str(one)[:40])
def test_each_broken_setup_has_its_line_and_its_remedy(tmp_path, check, broken, level, said):
    """Each fault is one finding of the right level, with what to do."""
    found = examination.of_setup(environment(tmp_path, **broken), calls=False)
    finding = next(one for one in found if one.check == check)
    assert (finding.level, said in finding.sentence, bool(finding.cure)) == (level, True, True), finding
    assert (Request().verdict(found) is not None) is (level is Level.PROBLEM)


def test_a_bad_price_file(tmp_path):
    """An invalid price file is named with its reason."""
    file = tmp_path / "prices.toml"
    file.write_text("[models.x]\ninput = -1\noutput = 1\n")
    found = examination.of_setup(environment(tmp_path, HYDROCHAT_PRICES=str(file)), calls=False)
    finding = next(one for one in found if one.check == "prices")
    assert (finding.level, str(file) in finding.sentence) == (Level.PROBLEM, True)


def test_a_port_that_is_taken(tmp_path):
    """Another program on the port is a problem, a service of ours is not."""
    with taken_port() as port:
        found = examination.of_setup(environment(tmp_path, HYDROCHAT_PORT=str(port)), calls=False)
    assert levels(found)["port"] is Level.PROBLEM
    with Server("127.0.0.1", 0) as server:
        found = examination.of_setup(environment(tmp_path, HYDROCHAT_PORT=str(server.port)), calls=False)
    assert levels(found)["port"] is Level.OK


def test_hooks_that_are_dead(tmp_path):
    """A disabled instrumentation, and calls that cannot be made, are problems."""
    off = hooks.measure(environment(tmp_path, HYDROCHAT_MAX_OPERATIONS="0"))
    assert set(off) == {"failed"}
    subject = findings.Subject({}, None, "", {hooks.REPORT: off})
    assert [finding.level for finding in findings.run(hooks.CHECKS, subject)] == [Level.PROBLEM]
    dead = {"operations": 0, "genai": "3.6", "calls": {"stream": 0}, "active": False}
    report = {**dead, "billed_tokens": 9, "counted_tokens": 0, "uncovered": ["models.Models.x"], "exemplars": False}
    report["fast_ways"] = {"feeds": "another class"}
    found = findings.run(hooks.CHECKS, findings.Subject({}, None, "", {hooks.REPORT: report}))
    assert levels(found) == {
        "hook-operations": Level.PROBLEM,
        "hook-gemini": Level.PROBLEM,
        "hook-ledger": Level.PROBLEM,
        "uncovered": Level.NOTE,
        "exemplars": Level.WARNING,
        "fast-ways": Level.NOTE,
    }


def test_versions_outside_of_the_range(monkeypatch):
    """An unsupported version is named with the range."""
    real = versions._installed
    monkeypatch.setattr(versions, "_installed", lambda name: "1.0.0" if name == "google-genai" else real(name))
    finding = next(versions.versions(None))
    assert (finding.level, "google-genai 1.0.0 (needs " in finding.sentence) == (Level.PROBLEM, True)


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.41.0", ">=1.41,<4", True),
        ("4.0", ">=1.41,<4", False),
        ("1.9", ">=1.41", False),
        ("0.58b0", ">=0.58b0", True),
        ("0.58", ">=0.58b0", True),
        ("0.57b0", ">=0.58b0", False),
        ("2.0+local", "==2.0", True),
    ],
)
def test_versions_are_compared_as_numbers(version, wanted, fits):
    """Numbers count as numbers, and a pre-release comes before its release."""
    assert versions.satisfies(version, wanted) is fits


def test_other_packages_that_instrument_gemini_are_named(monkeypatch):
    """A package that writes into the same metric families is a note with what to do."""
    monkeypatch.setattr(versions, "_installed", lambda name: "1.0" if name == "traceloop-sdk" else None)
    finding = next(versions.other_telemetry(None))
    assert (finding.level, "traceloop-sdk (emits gen_ai.client.* itself)" in finding.sentence) == (Level.NOTE, True)


def test_dashboards_of_another_version(monkeypatch):
    """A metric that a dashboard or rule queries and that is not emitted is a problem with its name."""
    assert {"hydrochat_llm_calls_total", "hydrochat_operation_bad_total"} <= shipped_files.queried()
    fewer = tuple(spec for spec in semconv.METRICS if spec is not semconv.LLM_CALLS)
    monkeypatch.setattr(semconv, "METRICS", fewer)
    [finding] = shipped_files.dashboards_and_rules(None)
    assert (finding.level, "hydrochat_llm_calls_total" in finding.sentence) == (Level.PROBLEM, True)


def test_a_check_that_fails_itself_is_a_finding():
    """The other checks still run."""

    def broken(_):
        raise RuntimeError("secret")

    found = findings.run([broken, versions.other_telemetry], findings.Subject({}, None))
    assert [finding.check for finding in found] == ["broken", "other-telemetry"]
    assert "secret" not in found[0].sentence
