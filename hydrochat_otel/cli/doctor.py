"""``hydrochat-otel doctor``: whether the telemetry works, one line for each check, with the remedy."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from hydrochat_otel.cli.endings import NegativeError
from hydrochat_otel.doctor import examination, findings
from hydrochat_otel.doctor.findings import Finding, Level

_COLOURS: Final = {Level.OK: "green", Level.NOTE: "blue", Level.WARNING: "yellow", Level.PROBLEM: "red"}


@click.command()
@click.option("--url", help="Examine the service that answers at this address instead of the set-up here.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the token.  [default: the variable HYDROCHAT_METRICS_TOKEN]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@click.option("--calls/--no-calls", default=True, help="Make synthetic calls to an emulated Gemini on loopback.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARGUMENT]...]")
def doctor(
    *, url: str | None, token_file: Path | None, as_json: bool, strict: bool, calls: bool, command: tuple[str, ...]
) -> None:
    """Find out whether the telemetry works, and what to do if it does not.

    Examines the set-up here, or a running service with --url, or COMMAND, which is started as `run` does and ended once
    it has settled. Exits with status 1 if there is a problem.
    """
    found = examine(url, token_file, command, calls=calls)
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in found], indent=2))
    else:
        for finding in found:
            show(finding)
    if findings.failed(found) or (strict and any(finding.level is Level.WARNING for finding in found)):
        count = sum(finding.level is Level.PROBLEM for finding in found)
        raise NegativeError(f"{count} problem{'' if count == 1 else 's'} found.")


def examine(url: str | None, token_file: Path | None, command: Sequence[str], *, calls: bool) -> list[Finding]:
    """Return the findings about a service, a command, or the set-up here."""
    if url is not None and command:
        raise click.UsageError("Give --url or a command, not both.")
    if url is not None:
        token = (
            token_file.read_text(encoding="utf-8").strip() if token_file else os.environ.get("HYDROCHAT_METRICS_TOKEN")
        )
        return examination.of_service(os.environ, url if "://" in url else f"http://{url}", token)
    found = examination.of_setup(os.environ, calls=calls)
    return [*found, *examination.of_command(os.environ, list(command))] if command else found


def show(finding: Finding) -> None:
    """Print one finding on a line, and its remedy on a second one."""
    level = click.style(f"{finding.level:8}", fg=_COLOURS[finding.level])
    click.echo(f"{level} {finding.check:20} {finding.sentence}")
    if finding.cure:
        click.echo(f"{'':29} → {finding.cure}")
