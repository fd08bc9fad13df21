"""Checks that the installed version emits every metric that its dashboards and rules query."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.doctor.findings import Finding, Level, Subject
from hydrochat_otel.views.prometheus.naming import family_name

_NAMES: Final = re.compile(r"(?<![\w:])(?:hydrochat|gen_ai)_[a-z0-9_]+(?![\w:])")
"""Names of metrics; those of recording rules have a colon."""
_LABELS: Final = re.compile(r"\{[^{}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_TEXTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_IN_JSON: Final = re.compile(r'"expr": ?("(?:[^"\\]|\\.)*")')
_IN_YAML: Final = re.compile(r"^( +)(?:- )?expr: ?(.*\n(?:\1 +.*\n|\n)*)", re.MULTILINE)
_ENDINGS: Final = ("_bucket", "_count", "_sum", "_total", "_created")
_MADE_BY_EXPORTER: Final = frozenset({"hydrochat_build_info"})


def dashboards_and_rules(_: Subject) -> Iterator[Finding]:
    """Compare every metric name in an expression with the names that are emitted."""
    emitted = {family_name(spec.name, spec.unit, is_counter=spec.kind == "counter")[0] for spec in semconv.METRICS}
    unknown = sorted({name for name in queried() if not _is_known(name, emitted)})
    if unknown:
        yield Finding(
            "dashboards",
            Level.PROBLEM,
            f"Dashboards or rules of this version query metrics that it does not emit: {', '.join(unknown)}.",
            "Reinstall hydrochat-otel: its files are of different versions.",
        )
    else:
        yield Finding("dashboards", Level.OK, "Every metric that the dashboards and rules query is emitted.")


def queried() -> set[str]:
    """Return the names of our metrics in all expressions of the shipped dashboards and rules."""
    return {name for text in _expressions() for name in _NAMES.findall(_LABELS.sub("", _TEXTS.sub("", text)))}


def _expressions() -> Iterator[str]:
    for folder in ("dashboards", "rules"):
        for file in files("hydrochat_otel").joinpath("assets", folder).iterdir():
            text = file.read_text(encoding="utf-8")
            if file.name.endswith(".json"):
                yield from (json.loads(match[1]) for match in _IN_JSON.finditer(text))
            else:
                yield from (match[2] for match in _IN_YAML.finditer(text))


def _is_known(name: str, emitted: set[str]) -> bool:
    stems = {name, *(name.removesuffix(ending) for ending in _ENDINGS)}
    return name in _MADE_BY_EXPORTER or not stems.isdisjoint(emitted)


CHECKS: Final = (dashboards_and_rules,)
