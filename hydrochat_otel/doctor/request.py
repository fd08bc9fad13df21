"""What may be asked of the doctor, for every command that asks it: the options, the examination, the verdict."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from hydrochat_otel.doctor import examination
from hydrochat_otel.doctor.findings import Finding, Level


class Option(NamedTuple):
    """An option of the command line; its name is the field of :class:`Request` that it sets."""

    name: str
    kind: Literal["text", "file", "switch", "yes_or_no"]
    help: str


OPTIONS: Final = (
    Option("url", "text", "Examine the service that answers at this address instead of the set-up here."),
    Option("token_file", "file", "File that holds the token.  [default: the variable HYDROCHAT_METRICS_TOKEN]"),
    Option("json", "switch", "Print the findings as JSON."),
    Option("strict", "switch", "Let warnings fail, too."),
    Option("calls", "yes_or_no", "Make synthetic calls to an emulated Gemini on loopback."),
)


class RequestError(ValueError):
    """The options contradict each other, or a file cannot be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Request:
    """The chosen options, and the command that is to be examined."""

    url: str | None = None
    token_file: Path | str | None = None
    json: bool = False
    strict: bool = False
    calls: bool = True
    command: Sequence[str] = ()

    def findings(self, environ: Mapping[str, str]) -> list[Finding]:
        """Examine a service, a command, or the set-up here.

        Raises:
            RequestError: Both an address and a command are given, or the token's file cannot be read.
        """
        if self.url is not None and self.command:
            raise RequestError("Give --url or a command, not both.")
        if self.url is not None:
            url = self.url if "://" in self.url else f"http://{self.url}"
            return examination.of_service(environ, url, self._token(environ))
        found = examination.of_setup(environ, calls=self.calls)
        return [*found, *examination.of_command(environ, list(self.command))] if self.command else found

    def verdict(self, found: Iterable[Finding]) -> str | None:
        """Return why the command fails, in one sentence; None if it does not."""
        levels = [finding.level for finding in found]
        problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARNING)
        if problems:
            return f"{problems} problem{'' if problems == 1 else 's'} found."
        if self.strict and warnings:
            return f"{warnings} warning{'' if warnings == 1 else 's'} found, and --strict lets them fail."
        return None

    def _token(self, environ: Mapping[str, str]) -> str | None:
        if self.token_file is None:
            return environ.get("HYDROCHAT_METRICS_TOKEN")
        try:
            return Path(self.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"--token-file: {self.token_file} cannot be read ({type(error).__name__}).") from None


def lines(found: Iterable[Finding]) -> Iterable[tuple[Level, str, str]]:
    """Yield the level, the text and the remedy of each finding, aligned; the remedy is empty if there is none."""
    for finding in found:
        cure = f"{'':29} → {finding.cure}" if finding.cure else ""
        yield finding.level, f"{finding.check:20} {finding.sentence}", cure
