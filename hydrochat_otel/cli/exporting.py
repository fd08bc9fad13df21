"""The common part of ``dashboards export`` and ``rules export``: files are written, kept or compared."""

from pathlib import Path

import click

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.endings import MistakeError, NegativeError


def run(folder: str, directory: Path, *, force: bool, diff: bool) -> None:
    """Write the files and print their paths, or print how the files there differ from what is shipped."""
    try:
        if diff:
            click.echo(shipped_assets.differences(folder, directory), nl=False)
            return
        done = shipped_assets.export(folder, directory, overwrite=force)
    except shipped_assets.ExportError as error:
        raise MistakeError(error) from None
    for path in done.written:
        click.echo(path)
    if done.kept:
        names = ", ".join(path.name for path in done.kept)
        raise NegativeError(
            f"Kept {names}, edited since the export: --diff shows what differs, --force replaces edited files."
        )
