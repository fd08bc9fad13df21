"""Whatever the prose names exists: commands and their options, settings, metrics, endpoints, modules and files."""

import importlib
import re
from importlib.resources import files
from pathlib import Path

import click
import pytest
from documentation import pages

from hydrochat_otel import semconv, web
from hydrochat_otel.cli.command_line import command_line
from hydrochat_otel.settings import Settings
from hydrochat_otel.stack import alert_rules, recordings
from hydrochat_otel.views.prometheus.naming import family_name

TEXTS = {pages.page_id(page): page.read_text(encoding="utf-8") for page in pages.PAGES}
OF_TESTS = {
    "HYDROCHAT_TEST_FLEET",
    "HYDROCHAT_TEST_FRAMEWORKS",
    "HYDROCHAT_TEST_COLLECTOR",
    "HYDROCHAT_TEST_SDK_MATRIX",
}


def everywhere(pattern):
    return [(page, found) for page, text in TEXTS.items() for found in re.findall(pattern, text, re.MULTILINE)]


def series():
    """Return every name that /metrics can have for our metrics."""
    names = set()
    for spec in semconv.METRICS:
        counter = spec.kind in {"counter", "observable_counter"}
        name, _ = family_name(spec.name, spec.unit, is_counter=counter)
        names |= {name, *(name + suffix for suffix in ("_total", "_bucket", "_count", "_sum"))}
    return names


def test_every_setting_that_is_named_exists():
    """Each variable with a prefix of ours is a setting, or switches tests on."""
    known = {rule.variable for rule, _ in Settings.rules().values()} | OF_TESTS
    named = everywhere(r"\b((?:HYDROCHAT|METRICS|LLM)_[A-Z_]+[A-Z])\b")
    assert [one for one in named if one[1] not in known] == []


def test_every_command_that_is_named_exists():
    """Each `hydrochat-otel WORD` is a command, and each option after it on the line is one of that command's."""
    wrong = []
    for page, line in everywhere(r"hydrochat-otel ([a-z][^`\n#|]*)"):
        words = line.split()
        command = command_line.get_command(click.Context(command_line), words[0].strip(".,:;)"))
        while isinstance(command, click.Group) and len(words) > 1 and words[1] in command.commands:
            words, command = words[1:], command.commands[words[1]]
        if command is None:
            wrong.append((page, line))
            continue
        options = {"--help", *(name for parameter in command.params for name in parameter.opts)}
        own = line.split(" -- ")[0]
        wrong += [(page, line, option) for option in re.findall(r"(--[a-z-]+)", own) if option not in options]
    assert wrong == []


def test_every_metric_that_is_named_exists():
    """Each dotted name of ours is a metric or an attribute, and each name with underscores a series or a label."""
    dotted = {spec.name for spec in semconv.METRICS} | {one for spec in semconv.METRICS for one in spec.attributes}
    dotted |= {value for value in vars(semconv).values() if isinstance(value, str)}
    wrong = [
        one
        for one in everywhere(r"`((?:hydrochat|gen_ai)\.[a-z_.]+[a-z])`")
        if one[1] not in dotted and not any(name.startswith(one[1]) for name in dotted)
    ]
    recorded = {rule.record for group in recordings.groups() for rule in group.rules}
    labels = {name.replace(".", "_") for name in dotted}
    manage = {Path(one.name).stem for one in files("hydrochat_otel.django.management.commands").iterdir()}
    known = series() | recorded | labels | manage
    fixtures = {"hydrochat_measured", "hydrochat_clock", "hydrochat_pipeline"}
    named = everywhere(r"(?<![:\w])(hydrochat_(?!otel\b)[a-z_]+)(?![:\w])")
    wrong += [one for one in named if one[1] not in known | fixtures]
    wrong += [one for one in everywhere(r"\b(\w+:hydrochat_[\w:]+)") if one[1] not in recorded]
    assert wrong == []


def test_every_endpoint_that_is_named_exists():
    """Each path of the API that is named is a route."""
    named = everywhere(r"(/api/hydrochat/[a-z/]+)")
    assert [one for one in named if one[1].rstrip("/") + "/" not in web.ROUTES] == []


def test_every_alert_that_is_named_exists():
    """Each name of an alert is one of the rules."""
    known = {rule.name for group in alert_rules.groups() for rule in group.rules}
    assert [one for one in everywhere(r"\b(Hydrochat[A-Z]\w+)\b") if one[1] not in known] == []


def test_every_module_that_is_named_exists():
    """Each dotted name below the package can be imported, or is an attribute of a module that can."""
    wrong = []
    for page, name in everywhere(r"`(hydrochat_otel(?:\.\w+)+)`"):
        if "django" in name or name == "hydrochat_otel.stack":
            continue
        try:
            importlib.import_module(name)
        except ImportError:
            module, _, attribute = name.rpartition(".")
            if not hasattr(importlib.import_module(module), attribute):
                wrong.append((page, name))
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in pages.PAGES if page.name == "architecture.md"], ids=pages.page_id)
def test_every_room_is_in_the_architecture(page):
    """Each folder of the package is named in the page on architecture."""
    package = pages.SOURCE / "hydrochat_otel"
    folders = {one.name for one in package.iterdir() if one.is_dir()} - {"__pycache__", "assets"}
    assert [one for one in sorted(folders) if f"`{one}`" not in page.read_text(encoding="utf-8")] == []
