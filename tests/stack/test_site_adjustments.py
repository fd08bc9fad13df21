"""Promises of :mod:`hydrochat_otel.cli.site_adjustments`: exported files fit the site, and nothing else changes."""

import json
import subprocess

import pytest
import yaml
from click.testing import CliRunner
from conftest import require_program

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.dashboards import dashboards
from hydrochat_otel.cli.rules import rules
from hydrochat_otel.cli.site_adjustments import BOARDS, RUNBOOKS, SEVERITIES
from hydrochat_otel.stack import alert_rules, objectives, rule_files

RULE_OPTIONS = [
    "--severity=critical=page",
    "--severity=info=off",
    "--runbooks=https://wiki.example.org/hydrochat#",
    "--grafana=https://grafana.example.org/",
]


def exported(command, directory, *options):
    result = CliRunner().invoke(command, ["export", str(directory), *options])
    assert result.exit_code == 0, result.output
    return directory


def alerts(directory):
    document = yaml.safe_load((directory / "hydrochat.alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_the_form_of_the_files_is_the_generators():
    """The command's texts of severities, runbooks and boards are those that the generator writes."""
    assert (RUNBOOKS, BOARDS) == (objectives.RUNBOOKS, objectives.BOARDS)
    assert set(SEVERITIES) == set(rule_files.Severity.__args__)


def test_every_alert_gets_the_words_and_addresses_of_the_site(tmp_path):
    """Severities, runbook and dashboard links of all alerts change as asked, and nothing else does."""
    plain = alerts(exported(rules, tmp_path / "plain"))
    words = {"critical": "page", "warning": "warning", "info": "off"}
    expected = [
        {
            **rule,
            "labels": {**rule["labels"], "severity": words[rule["labels"]["severity"]]},
            "annotations": {
                **rule["annotations"],
                "runbook_url": f"https://wiki.example.org/hydrochat#{rule['alert']}",
                "dashboard_url": f"https://grafana.example.org{rule['annotations']['dashboard_url']}",
            },
        }
        for rule in plain
    ]
    assert len(plain) == len(alert_rules.alerts())
    assert alerts(exported(rules, tmp_path / "site", *RULE_OPTIONS)) == expected


@pytest.mark.real
def test_promtool_accepts_adjusted_rules(tmp_path):
    """Prometheus' own check finds no fault in rules with the words and addresses of a site."""
    directory = exported(rules, tmp_path, *RULE_OPTIONS)
    promtool = require_program("promtool", "prometheus")
    done = subprocess.run(
        [promtool, "check", "rules", *directory.glob("*.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_dashboards_begin_with_the_sites_job_and_data_source(tmp_path):
    """Job and data source are chosen when a dashboard opens; severities and runbook links are the site's."""
    options = ["--job=chat", "--job=bot", "--datasource=P1809F7CD0C75ACF3", *RULE_OPTIONS[:3]]
    directory = exported(dashboards, tmp_path, *options)
    for path in directory.glob("*.json"):
        board = json.loads(path.read_text())
        chosen = {one["name"]: one.get("current", {}).get("value") for one in board["templating"]["list"]}
        assert (chosen["job"], chosen["datasource"]) == (["chat", "bot"], "P1809F7CD0C75ACF3")
        assert 'ALERTS{severity="page",' in board["annotations"]["list"][0]["expr"]
    overview = (directory / "hydrochat-overview.json").read_text()
    assert '"https://wiki.example.org/hydrochat#${__data.fields.Alert}"' in overview
    assert RUNBOOKS not in overview


@pytest.mark.parametrize(("command", "folder"), [(dashboards, "dashboards"), (rules, "rules")])
def test_without_options_the_shipped_bytes_are_written(command, folder, tmp_path):
    """An export without options is the shipped file with the stamp."""
    directory = exported(command, tmp_path)
    for one in shipped_assets.assets(folder):
        suffix = f".{one.name.rpartition('.')[2]}"
        assert (directory / one.name).read_bytes() == shipped_assets.stamped(one.read_bytes(), suffix)


def test_an_adjusted_file_is_not_an_edited_one(tmp_path):
    """A second export with other options replaces the files of the first; the same options show no difference."""
    exported(rules, tmp_path, *RULE_OPTIONS)
    assert exported(rules, tmp_path, "--diff", *RULE_OPTIONS) == tmp_path
    assert CliRunner().invoke(rules, ["export", str(tmp_path), "--diff", *RULE_OPTIONS]).stdout == ""
    exported(rules, tmp_path)
    assert CliRunner().invoke(rules, ["export", str(tmp_path), "--diff"]).stdout == ""


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (rules, "--severity=fatal=page"),
        (rules, '--severity=critical=page"'),
        (rules, "--severity=critical="),
        (rules, "--runbooks=javascript:alert(1)"),
        (rules, "--runbooks=https://a b"),
        (rules, '--grafana=https://a"\nb'),
        (dashboards, '--job=a"b'),
        (dashboards, "--job="),
        (dashboards, "--datasource=${evil}"),
    ],
)
def test_a_value_that_is_no_word_or_address_is_refused(command, option, tmp_path):
    """A value that could become something else in a query, a link or a file ends the command with status 2."""
    result = CliRunner().invoke(command, ["export", str(tmp_path / "new"), option])
    assert result.exit_code == 2
    assert "Invalid value for" in result.stderr
    assert not (tmp_path / "new").exists()
