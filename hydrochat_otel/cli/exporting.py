"""The common part of ``dashboards export`` and ``rules export``: which files are written, kept or compared."""

from pathlib import Path

import click

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.exit_codes import MistakeError, NegativeError
from hydrochat_otel.cli.site_adjustments import Adjustments

force_option = click.option("--force", is_flag=True, help="Replace edited files, too.")
diff_option = click.option(
    "--diff", is_flag=True, help="Write nothing; print how the files in DIRECTORY differ from those of an export."
)


def run(folder: str, directory: Path, adjustments: Adjustments, *, force: bool, diff: bool) -> None:
    """Write the adjusted files and print their paths, or print how the files in the directory differ from them."""
    try:
        if diff:
            click.echo(shipped_assets.differences(folder, directory, adjustments), nl=False)
            return
        done = shipped_assets.export(folder, directory, adjustments, overwrite=force)
    except shipped_assets.ExportError as error:
        raise MistakeError(error) from None
    for path in done.written:
        click.echo(path)
    if done.kept:
        names = ", ".join(path.name for path in done.kept)
        raise NegativeError(
            f"Kept {names}, edited since the export: --diff shows what differs, --force replaces edited files."
        )
