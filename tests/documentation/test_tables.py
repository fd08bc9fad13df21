"""The tables of the documentation are those of the code."""

import re

from documentation import pages

from hydrochat_otel import semconv, web
from hydrochat_otel.cli import COMMANDS
from hydrochat_otel.settings import Settings
from hydrochat_otel.stack import metric_table, runbooks


def shown(default):
    if default is None:
        return "not set"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_the_settings_are_those_of_the_code():
    """Each setting is in the table of docs/settings.md with its default, what is allowed and what it does."""
    rows = pages.table("settings.md", "variable")
    assert [row[:3] for row in rows] == [
        [f"`{rule.variable}`", shown(default), rule.allowed] for rule, default in Settings.rules().values()
    ]
    assert [row[0] for row in rows if len(row) != 4] == []


def test_the_endpoints_are_those_of_the_code():
    """Each path is in the table of docs/endpoints.md with its method, and no other is."""
    documented = {row[0].strip("`"): row[1] for row in pages.table("endpoints.md", "path")}
    assert documented == {path: route.methods[0] for path, route in web.ROUTES.items()}


def test_the_commands_are_those_of_the_code():
    """Each command of the command line is in the table of docs/commands.md, and no other is."""
    rows = pages.table("commands.md", "command")
    assert [re.match(r"`hydrochat-otel ([\w-]+)", row[0])[1] for row in rows] == sorted(COMMANDS)


def test_the_metrics_are_those_of_the_code():
    """The table of docs/metrics.md is the one that the declarations give."""
    text = pages.read("metrics.md")
    assert text == metric_table.inserted(text), "run python -m hydrochat_otel.stack docs"


def test_each_metric_is_in_its_table():
    """Each declared metric is in the table of docs/metrics.md, and no other is."""
    between = pages.read("metrics.md").split("<!-- metrics -->")[1].split("<!-- /metrics -->")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)`", between, re.MULTILINE)) == {spec.name for spec in semconv.METRICS}


def test_the_runbooks_are_those_of_the_code():
    """Each alert has a page, made from its rule, and no page is left over."""
    written = {f"runbooks/{path.name}": path.read_text(encoding="utf-8") for path in pages.DOCS.glob("runbooks/*.md")}
    assert written == runbooks.pages(), "run python -m hydrochat_otel.stack docs"
