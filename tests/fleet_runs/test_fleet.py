"""A fleet under load, in short runs: the same as `tests/benchmarks/fleet.py`."""

import os

import pytest
from conftest import require_program

from fleet_runs.comparison import compare
from fleet_runs.scenario import Scenario, run
from fleet_runs.services import Setup

pytestmark = [pytest.mark.real, pytest.mark.alone, pytest.mark.timeout(180)]


@pytest.fixture
def programs():
    return {
        "prometheus": require_program("prometheus", "prometheus"),
        "redis-server": require_program("redis-server", "redis-server"),
    }


ALWAYS = [(Scenario(Setup("gunicorn", 2, preload=True), "auto", ((0.4, "kill"),)), 5)]
# Workers must be up between two events, which depends on the machine's speed, so these run on request only.
ON_DEMAND = [
    (Scenario(Setup("gunicorn", 2), "redis", ((0.1, "reload"), (0.7, "redis-loss"))), 18),
    (Scenario(Setup("uvicorn", 2), "sqlite", ((0.1, "reload"), (0.6, "restart"))), 12),
    (Scenario(Setup("granian", 2), "redis", ((0.3, "kill"), (0.6, "redis-restart"))), 14),
]
SCENARIOS = [*ALWAYS, *(ON_DEMAND if os.environ.get("HYDROCHAT_TEST_FLEET") == "1" else ())]


@pytest.mark.parametrize(
    ("scenario", "seconds"), SCENARIOS, ids=lambda value: value.name if isinstance(value, Scenario) else f"{value}s"
)
def test_every_answered_request_is_counted_exactly_once(scenario, seconds, programs, tmp_path):
    """Whatever happens to workers and Redis, the totals are those of the answers, and no counter ever falls."""
    report = run(scenario, seconds, tmp_path, programs)
    print(report.line)
    assert report.faults == []


def test_without_a_shared_state_the_check_fails(programs, tmp_path):
    """Two workers that share nothing are detected: by the totals, by each other and by Prometheus."""
    report = run(Scenario(Setup("gunicorn", 2), "memory"), 3, tmp_path, programs, patience_s=1)
    found = "\n".join(report.faults)
    assert "workers disagree" in found
    assert f"calls, must be {report.bounds.answered} to {report.bounds.answered}" in found
    assert "hydrochat_llm_calls_total fell" in found


def test_the_application_runs_without_the_plugin(programs, tmp_path):
    """Both sides of the comparison answer, and the numbers are printed; nothing is asserted about them."""
    comparison = compare(Setup("gunicorn", 2), "sqlite", 1, tmp_path, programs, phase_s=1.0)
    print(comparison.row)
    assert min(comparison.with_plugin.turns, comparison.without.turns) > 0
