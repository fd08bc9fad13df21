"""``hydrochat-otel doctor``: whether the telemetry works, one line for each check, with the remedy."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from hydrochat_otel.cli.exit_codes import NegativeError
from hydrochat_otel.doctor import request
from hydrochat_otel.doctor.findings import Level

_COLOURS: Final = {Level.OK: "green", Level.NOTE: "blue", Level.WARNING: "yellow", Level.PROBLEM: "red"}
_KINDS: Final[dict[str, dict[str, Any]]] = {
    "text": {},
    "file": {"type": click.Path(exists=True, dir_okay=False, path_type=Path)},
    "switch": {"is_flag": True},
    "yes_or_no": {"default": True},
}


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(request.OPTIONS):
        flag = f"--{option.name.replace('_', '-')}"
        declared = f"{flag}/--no-{option.name}" if option.kind == "yes_or_no" else flag
        command = click.option(declared, help=option.help, **_KINDS[option.kind])(command)
    return command


@click.command()
@_with_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARGUMENT]...]")
def doctor(**chosen: Any) -> None:
    """Find out whether the telemetry works, and what to do if it does not.

    Examines the set-up here, or a running service with --url, or COMMAND, which is started as `run` does and ended once
    it has settled. Exits with status 1 if there is a problem.
    """
    asked = request.Request(**chosen)
    try:
        found = asked.findings(os.environ)
    except request.RequestError as error:
        raise click.UsageError(str(error)) from None
    if asked.json:
        click.echo(json.dumps([finding.as_dict() for finding in found], indent=2))
    else:
        for level, text, cure in request.lines(found):
            click.echo(f"{click.style(f'{level:8}', fg=_COLOURS[level])} {text}")
            if cure:
                click.echo(cure)
    if (verdict := asked.verdict(found)) is not None:
        raise NegativeError(verdict)
