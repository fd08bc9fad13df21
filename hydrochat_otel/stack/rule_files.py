"""Rule files: groups of recording and alerting rules as data, and their YAML."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml

from hydrochat_otel.stack.objectives import BOARDS, RUNBOOKS
from hydrochat_otel.stack.promql import by

Severity = Literal["critical", "warning", "info"]

_WIDTH: Final = 118
_FOLD_FROM: Final = 80


@dataclass(frozen=True, slots=True)
class Recording:
    """A rule that stores an expression's value as a series; `record` is its name as level:metric:operation."""

    record: str
    expression: str
    labels: dict[str, str] = field(default_factory=dict)

    def as_yaml(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        labels = {"labels": self.labels} if self.labels else {}
        return {"record": self.record, "expr": _Text(self.expression), **labels}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert and its runbook.

    Attributes:
        name: Starts with `Hydrochat`, by which the dashboards find it.
        expression: Fires for each series that it returns.
        lasting: How long that must last; None fires with the first evaluation.
        severity: `critical` pages, `warning` is for working hours, `info` is for the dashboards.
        summary: One line with the labels in it.
        description: The comparison in words.
        runbook: What to check and what to do, in order.
        board: Address of the dashboard that shows it.
    """

    name: str
    expression: str
    lasting: str | None = None
    severity: Severity
    summary: str
    description: str
    runbook: str
    board: str

    def as_yaml(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        lasting = {"for": self.lasting} if self.lasting else {}
        texts = {
            "summary": self.summary,
            "description": self.description,
            "runbook": self.runbook,
            "runbook_url": f"{RUNBOOKS}{self.name}",
            "dashboard_url": f"{BOARDS}{self.board}?var-job={{{{ $labels.job }}}}",
        }
        return {
            "alert": self.name,
            "expr": _Text(self.expression),
            **lasting,
            "labels": {"severity": self.severity},
            "annotations": {name: _Text(text) for name, text in texts.items()},
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, at one interval."""

    name: str
    interval: str
    rules: tuple[Recording | Alert, ...]


def joined(names: tuple[str, ...], left: str, operator: str, right: str) -> str:
    """Return two vectors with the same labels, joined by an operator such as `and`."""
    return f"{left}\n{operator} on ({', '.join(names)})\n{right}"


def at_least(minimum: float, names: tuple[str, ...], growth: str) -> str:
    """Return the condition that there are enough events for an evaluation."""
    return f"{by(names, growth)} >= {minimum:g}"


def render(header: str, groups: tuple[Group, ...]) -> str:
    """Return the text of a rule file; the header's lines become comments."""
    document = {
        "groups": [
            {"name": group.name, "interval": group.interval, "rules": [rule.as_yaml() for rule in group.rules]}
            for group in groups
        ]
    }
    return dump(header, document)


def dump(header: str, document: Any) -> str:
    """Return a YAML document under a comment."""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


class _Text(str):
    """A text that is written as a block if it has several lines."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and repeats equal values instead of using anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT002 - its signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - its signature
        return True


def _represent(dumper: yaml.SafeDumper, text: _Text) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > _FOLD_FROM else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(_Text, _represent)
