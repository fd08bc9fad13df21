"""The README is true: its tables are those of the code, and its commands are the ones that CI runs."""

import re
from pathlib import Path

import pytest

from hydrochat_otel import semconv, web
from hydrochat_otel.cli import main
from hydrochat_otel.settings import Settings

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")


def table(first_column):
    """Return the rows of the table whose first heading is the given one, as lists of cells."""
    match = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in match[1].splitlines()]


def shown(default):
    if default is None:
        return "not set"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_the_settings_are_those_of_the_code():
    """Each setting is in the table with its default and what is allowed, and no other is."""
    assert table("variable") == [
        [f"`{rule.variable}`", shown(default), rule.allowed] for rule, default in Settings.rules().values()
    ]


def test_the_endpoints_are_those_of_the_code():
    """Each path is in the table with its method, and no other is."""
    documented = {row[0].strip("`"): row[1] for row in table("path")}
    assert documented == {path: route.methods[0] for path, route in web.ROUTES.items()}


def test_the_commands_are_those_of_the_code():
    """Each command of the command line is in the table, and no other is."""
    assert [re.match(r"`hydrochat-otel (\w+)", row[0])[1] for row in table("command")] == sorted(main.commands)


def test_the_metrics_are_those_of_the_code():
    """Each metric is in the table, and no other is."""
    between = README.split("<!-- metrics -->")[1].split("<!-- /metrics -->")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)`", between, re.MULTILINE)) == {spec.name for spec in semconv.METRICS}


@pytest.mark.parametrize("ending", ["hydrochat-otel demo", "pytest"])
def test_each_of_the_two_commands_is_one_line_that_sets_itself_up(ending):
    """Both commands make their own environment, in one line."""
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv") and line.endswith(ending)]
    assert len(lines) == 1
