"""The result of a check: a level, a sentence and the remedy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from hydrochat_otel.settings import Settings


class Level(StrEnum):
    """How much a finding matters; only a problem makes the command fail."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        check: Name of the check, stable for scripts.
        level: How much it matters.
        sentence: What was found.
        cure: What to do; empty if there is nothing to do.
    """

    check: str
    level: Level
    sentence: str
    cure: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the checks examine.

    Attributes:
        environ: The environment of the service, or of the shell that starts it.
        settings: Its settings; None if one of them is invalid.
        settings_error: The sentence about that setting.
        reports: What the synthetic calls, a command or a service reported, by check.
    """

    environ: Mapping[str, str]
    settings: Settings | None
    settings_error: str = ""
    reports: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[Subject], Iterable[Finding]]


def run(checks: Iterable[Check], subject: Subject) -> list[Finding]:
    """Run every check; a check that raises becomes a finding, and the others still run."""
    found: list[Finding] = []
    for check in checks:
        try:
            found += check(subject)
        except Exception as error:
            found.append(
                Finding(
                    check.__name__.replace("_", "-"),
                    Level.WARNING,
                    f"This check itself failed ({type(error).__name__}).",
                    "Report it with the versions that `hydrochat-otel doctor --json` prints.",
                )
            )
    return found
