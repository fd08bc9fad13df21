import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from conftest import require_program
from google import genai
from google.genai import errors, types
from ports import free_port
from stack.servers import Program, Prometheus, Webhook, eventually

from hydrochat_otel.stack import alert_rules, objectives
from hydrochat_otel.testing.replies import failure

MODEL = "gemini-2.5-flash"

CONFIGS = ("alertmanager.yml", "alertmanager-local.yml")


def shipped_config(directory: Path, name: str = "alertmanager.yml"):
    return yaml.safe_load((directory / "alertmanager" / name).read_text())


@pytest.mark.real
@pytest.mark.parametrize("name", CONFIGS)
def test_amtool_finds_no_fault(assets, name):
    """Alertmanager's own check accepts both configurations and their template."""
    amtool = require_program("amtool", "prometheus-alertmanager")
    done = subprocess.run(
        [amtool, "check-config", name], cwd=assets / "alertmanager", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.real
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["severity=critical"], "slack-and-email"),
        (["severity=warning"], "slack"),
        (["severity=info"], "dashboards-only"),
    ],
)
def test_each_severity_reaches_its_receiver(assets, labels, receivers):
    """A critical alert goes to Slack and e-mail, a warning to Slack, an info nowhere."""
    amtool = require_program("amtool", "prometheus-alertmanager")
    done = subprocess.run(
        [amtool, "config", "routes", "test", "--config.file=alertmanager.yml", *labels],
        cwd=assets / "alertmanager",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, receivers)


def test_both_configurations_route_alike(assets):
    """The local one differs only in its receivers; neither contains a secret."""
    real, local = (shipped_config(assets, name) for name in CONFIGS)
    assert real["route"] == local["route"]
    assert real["inhibit_rules"] == local["inhibit_rules"]
    assert real["templates"] == local["templates"]
    assert [one["name"] for one in real["receivers"]] == [one["name"] for one in local["receivers"]]
    secrets = {key for key in real["global"] if "password" in key or "api_url" in key}
    assert secrets == {"slack_api_url_file", "smtp_auth_password_file"}


def test_inhibition_names_alerts_that_exist(assets):
    """Every alert that the inhibition rules name is one of ours."""
    names = {rule.name for group in alert_rules.groups() for rule in group.rules}
    matchers = [
        matcher
        for rule in shipped_config(assets)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]
    sources = {matcher.split(" = ")[1] for matcher in matchers if matcher.startswith("alertname = ")}
    assert sources <= names
    assert {severity for group in alert_rules.groups() for rule in group.rules for severity in [rule.severity]} == {
        "critical",
        "warning",
        "info",
    }


@pytest.fixture
def webhook():
    with Webhook() as receiver:
        yield receiver


@pytest.fixture
def alertmanager(assets, webhook):
    """The shipped Alertmanager, faster, with a webhook that receives the template's texts."""
    program = require_program("prometheus-alertmanager", "prometheus-alertmanager")
    directory = assets / "alertmanager"
    config = shipped_config(assets, "alertmanager-local.yml")
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    webhooks = [{"url": webhook.url, "send_resolved": True}]
    config["receivers"] = [{"name": one["name"], "webhook_configs": webhooks} for one in config["receivers"]]
    (directory / "quick.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with Program(
        directory,
        program,
        f"--config.file={directory / 'quick.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        ready_url=f"http://127.0.0.1:{port}/-/ready",
    ):
        yield f"127.0.0.1:{port}"


def call(client, times):
    """Call Gemini several times; the application handles failures."""
    for _ in range(times):
        with suppress(errors.APIError):
            client.models.generate_content(model=MODEL, contents="How is the wound?")


@pytest.mark.real
def test_an_outage_reaches_the_receiver_and_so_does_its_end(emulator, scraped, alertmanager, webhook, tmp_path):
    """Failing calls, scrape, rule, Alertmanager, webhook: one message names the problem, another its end."""
    config = {**scraped, "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}}
    options = types.HttpOptions(base_url=emulator.base_url, client_args={"trust_env": False})
    program = require_program("prometheus", "prometheus")
    name = "HydrochatGeminiErrorRate"
    with (
        Prometheus(tmp_path / "prometheus", program, config) as prometheus,
        genai.Client(vertexai=False, api_key="emulated", http_options=options) as client,
    ):
        eventually(lambda: prometheus.instant("hydrochat_retention_entries"), "the application is scraped")
        failing = objectives.PAGING_CALLS + 5
        emulator.script(*[failure(400)] * failing)
        call(client, failing)

        def paging(status):
            # A scrape in between sees too few calls to page: that is a warning.
            return [one for one in webhook.alerts(name, status) if one["labels"]["severity"] == "critical"]

        (alert, *_) = eventually(lambda: paging("firing"), "the alert arrives", within_s=60)
        assert alert["labels"] == {
            "alertname": name,
            "gen_ai_request_model": MODEL,
            "job": "hydrochat",
            "severity": "critical",
        }
        assert alert["annotations"]["summary"] == f"100% of the calls to {MODEL} fail (hydrochat)"
        assert alert["annotations"]["runbook"].startswith("1. Dashboard Latency and errors")
        call(client, 5 * failing)
        (alert, *_) = eventually(lambda: paging("resolved"), "its end arrives", within_s=60)
        assert alert["status"] == "resolved"
    shutil.rmtree(tmp_path / "prometheus")


@pytest.mark.real
def test_the_template_writes_readable_texts(assets):
    """Slack's and the mail's texts name the alert, the summary and the runbook, and say when it is resolved."""
    amtool = require_program("amtool", "prometheus-alertmanager")
    data = {
        "receiver": "slack",
        "status": "firing",
        "externalURL": "http://127.0.0.1:9093",
        "commonLabels": {"alertname": "HydrochatTargetDown", "job": "chat", "severity": "critical"},
        "alerts": [
            {
                "status": "firing",
                "generatorURL": "http://prometheus/graph",
                "annotations": {
                    "summary": "a is down",
                    "description": "d",
                    "runbook": "1. Look.",
                    "runbook_url": "https://docs/runbooks/#down",
                    "dashboard_url": "https://grafana/d/hydrochat-overview",
                },
            },
            {"status": "resolved", "annotations": {"summary": "b is down"}},
        ],
    }
    (assets / "data.json").write_text(json.dumps(data))

    def rendered(template):
        done = subprocess.run(
            [
                amtool,
                "template",
                "render",
                "--template.glob=alertmanager/hydrochat.tmpl",
                "--template.data=data.json",
                f'--template.text={{{{ template "hydrochat.{template}" . }}}}',
            ],
            cwd=assets,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert rendered("title") == "[1 firing] HydrochatTargetDown (chat)"
    assert rendered("colour") == "danger"
    assert [line for line in rendered("text").splitlines() if line] == [
        "a is down",
        "d",
        "1. Look.",
        "Runbook: https://docs/runbooks/#down",
        "Dashboard: https://grafana/d/hydrochat-overview",
        "http://prometheus/graph",
        "Resolved: b is down",
    ]
    page = rendered("html")
    assert "<h3>a is down</h3>" in page
    assert '<a href="https://docs/runbooks/#down">Runbook</a>' in page
    assert '<a href="https://grafana/d/hydrochat-overview">Dashboard</a>' in page
    assert "<h3>Resolved: b is down</h3>" in page
