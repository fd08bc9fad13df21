"""What an export changes for a site: job and data source of dashboards, severity words and addresses of rules.

The shipped files are texts of a known form, and a test compares that form with the generator. Every value is checked on
the command line, and written as a quoted string, so that no value can become anything else in JSON or YAML.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import click

SEVERITIES: Final = ("critical", "warning", "info")
RUNBOOKS: Final = "docs/runbooks/"
BOARDS: Final = "/d/"

Option = Callable[[Callable[..., None]], Callable[..., None]]

_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", re.ASCII)
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f$\"\\]{1,128}")
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.\-_~:/?#\[\]@!&'()*+,;=%]{1,512}", re.ASCII)
_SEVERITY_LINE: Final = re.compile(r"^( +severity: )(\w+)$", re.MULTILINE)
_RUNBOOK_LINE: Final = re.compile(rf"^( +runbook_url: ){re.escape(RUNBOOKS)}(\w+)$", re.MULTILINE)
_BOARD_LINE: Final = re.compile(rf"^( +dashboard_url: )({re.escape(BOARDS)}\S.*)$", re.MULTILINE)
_SEVERITY_MATCHER: Final = re.compile(r'\bseverity="(\w+)"')


def name_option(option: str, *, explained: str, repeatable: bool = False) -> Option:
    """Return an option that takes the name of a job or a data source."""
    return click.option(option, type=_name, metavar="NAME", multiple=repeatable, help=explained)


def address_option(option: str, *, explained: str) -> Option:
    """Return an option that takes an HTTP address."""
    return click.option(option, type=_address, metavar="URL", help=explained)


def severity_option() -> Option:
    """Return the option for the site's words."""
    explained = "Another word for critical, warning or info, for instance critical=page; may be repeated."
    return click.option("--severity", type=_severity, metavar="SEVERITY=WORD", multiple=True, help=explained)


def runbooks_option() -> Option:
    """Return the option for the address of the runbook pages."""
    return address_option("--runbooks", explained="Address of the runbook pages, up to the alert's name.")


def _name(text: str) -> str:
    return _checked(text, _NAME, "a name of 1 to 128 characters without quotes, $ and \\")


def _address(text: str) -> str:
    return _checked(text, _ADDRESS, "an address that begins with http:// or https://")


def _severity(text: str) -> tuple[str, str]:
    severity, _, word = text.partition("=")
    if severity not in SEVERITIES:
        raise click.BadParameter(f"{text!r} does not begin with one of {', '.join(SEVERITIES)} and =.")
    return severity, _checked(word, _WORD, "a word of letters, digits, _ . and -")


def _checked(text: str, pattern: re.Pattern[str], allowed: str) -> str:
    if not pattern.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not {allowed}.")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """What differs from the shipped files; the default changes nothing.

    Attributes:
        jobs: Jobs that the dashboards show until others are chosen.
        datasource: Uid or name of the data source that the dashboards use until another is chosen.
        severities: Words for our severities.
        runbooks: Address of the runbook pages, in place of a path in this repository.
        grafana: Address of Grafana, before the paths of dashboards.
    """

    jobs: tuple[str, ...] = ()
    datasource: str | None = None
    severities: Mapping[str, str] = field(default_factory=dict)
    runbooks: str | None = None
    grafana: str | None = None

    def applied(self, name: str, text: bytes) -> bytes:
        """Return the text of a shipped file, adjusted."""
        if self == NOTHING:
            return text
        adjust = self._dashboard if name.endswith(".json") else self._rules
        return adjust(text.decode()).encode()

    def _dashboard(self, text: str) -> str:
        board = _mapped(json.loads(text), self._text)
        for variable in board["templating"]["list"]:
            if variable["name"] == "job" and self.jobs:
                variable["current"] = {"selected": True, "text": list(self.jobs), "value": list(self.jobs)}
            if variable["name"] == "datasource" and self.datasource:
                variable["current"] = {"selected": True, "text": self.datasource, "value": self.datasource}
        return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _text(self, text: str) -> str:
        if self.runbooks is not None and text.startswith(RUNBOOKS):
            return _below(self.runbooks) + text.removeprefix(RUNBOOKS)
        return _SEVERITY_MATCHER.sub(lambda match: f'severity="{self._word(match[1])}"', text)

    def _rules(self, text: str) -> str:
        if self.severities:
            text = _SEVERITY_LINE.sub(lambda match: match[1] + json.dumps(self._word(match[2])), text)
        if (runbooks := self.runbooks) is not None:
            text = _RUNBOOK_LINE.sub(lambda match: match[1] + json.dumps(_below(runbooks) + match[2]), text)
        if (grafana := self.grafana) is not None:
            text = _BOARD_LINE.sub(lambda match: match[1] + json.dumps(grafana.rstrip("/") + match[2]), text)
        return text

    def _word(self, severity: str) -> str:
        return self.severities.get(severity, severity)

    @classmethod
    def of(cls, severities: tuple[tuple[str, str], ...], **more: Any) -> Self:
        """Return the adjustments of the options of a command; the last word for a severity counts."""
        return cls(severities=dict(severities), **more)


NOTHING: Final = Adjustments()


def _below(address: str) -> str:
    """Return the address so that the name of a page can follow; one that ends with # or = is complete."""
    return address if address.endswith(("/", "#", "=")) else f"{address}/"


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(one, change) for one in value]
    if isinstance(value, dict):
        return {name: _mapped(one, change) for name, one in value.items()}
    return value
