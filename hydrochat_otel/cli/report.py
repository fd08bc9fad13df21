"""``hydrochat-otel report``: calls, tokens and dollars by operation, model or dimension."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from hydrochat_otel.cli.exit_codes import MistakeError, NegativeError
from hydrochat_otel.reporting import report as reports
from hydrochat_otel.reporting.report import NoAnswerError, Report, ReportError
from hydrochat_otel.settings import SettingsError


@click.command()
@click.option("--day", help="One day: today, yesterday or a date.")
@click.option("--since", help="From then until now: 1h, 7d, today, a date or a time.")
@click.option("--window", "since", help="The same as --since.", metavar="LENGTH")
@click.option(
    "--by",
    default="operation",
    show_default=True,
    help="operation, root, model, a cost dimension; or a list: slow, failed, dear, unpriced.",
)
@click.option("--state", help="A durable state.  [default: HYDROCHAT_STATE]")
@click.option("--url", help="A running service, instead of a state.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the service's token.  [default: the variable HYDROCHAT_METRICS_TOKEN]",
)
@click.option("--format", "shape", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def report(shape: str, token_file: Path | None, **asked: Any) -> None:
    """Print calls, tokens and dollars by operation, model or dimension.

    Reads a durable state (a file that this user may read needs no token) or a running service. Without a period it
    covers everything since the start; with one, what the window holds, and it says what that misses. Whole days by
    model are exact for 430 days.
    """
    os.environ["HYDROCHAT_SERVE"] = "never"
    token = token_file.read_text(encoding="utf-8").strip() if token_file else None
    try:
        found = reports.report(token=token, **asked)
    except NoAnswerError as error:
        raise NegativeError(error) from None
    except (ReportError, SettingsError) as error:
        raise MistakeError(error) from None
    if shape == "json":
        click.echo(json.dumps(found.as_dict(), indent=2))
    elif shape == "csv":
        _write_csv(found)
    else:
        click.echo(str(found))


def _write_csv(found: Report) -> None:
    """Write the rows with every column; the notes go to the standard error, so that a pipe has rows only."""
    writer = csv.DictWriter(sys.stdout, fieldnames=list(found.total or found.columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    for note in found.notes:
        click.echo(note, err=True)
