import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import require_program

from hydrochat_otel.stack import alert_rules, recordings
from hydrochat_otel.stack.rule_files import Alert

CASES = Path(__file__).parent / "rules"


def alerts():
    return [rule for group in alert_rules.groups() for rule in group.rules if isinstance(rule, Alert)]


def case_names():
    documents = (yaml.safe_load(path.read_text()) for path in sorted(CASES.glob("*.test.yml")))
    return [case["name"] for document in documents for case in document["tests"]]


@pytest.mark.real
def test_promtool_finds_no_fault(assets):
    """Both rule files are well-formed, by Prometheus' own check, lints included."""
    promtool = require_program("promtool", "prometheus")
    files = sorted(map(str, (assets / "rules").iterdir()))
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", *files], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.real
@pytest.mark.timeout(900)  # promtool takes a second of CPU for each case, on a machine that may be busy
@pytest.mark.parametrize("cases", sorted(path.name for path in CASES.glob("*.test.yml")))
def test_each_rule_decides_as_in_its_cases(cases, assets):
    """Over synthetic series, each alert fires when it should and does not otherwise."""
    promtool = require_program("promtool", "prometheus")
    shutil.copy(CASES / cases, assets / "rules")
    done = subprocess.run(
        [promtool, "test", "rules", cases], cwd=assets / "rules", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet():
    """Each alert has both kinds of case, and each case names an existing alert."""
    said = {tuple(name.split(maxsplit=2)[:2]) for name in case_names()}
    assert said == {(alert.name, verb) for alert in alerts() for verb in ("fires", "stays")}


def test_every_alert_says_what_to_do():
    """Summary, description and runbook exist, and the summary names the job or the instance."""
    assert [alert.name for alert in alerts() if not re.search(r"\$labels\.(job|instance)", alert.summary)] == []
    assert [alert.name for alert in alerts() if not (alert.description and alert.runbook)] == []
    assert [alert.name for alert in alerts() if not alert.name.startswith("Hydrochat")] == []


def test_rules_read_only_what_is_recorded():
    """Every recorded series that a rule reads is written by a rule before it."""
    written = [rule.record for group in recordings.groups() for rule in group.rules]
    text = "\n".join(rule.expression for group in (*recordings.groups(), *alert_rules.groups()) for rule in group.rules)
    read = set(re.findall(r"\b\w+:\w+(?::\w+)?\b", text))
    assert read <= set(written)
    assert len(written) == len(set(written))
