"""``hydrochat-otel rules export``: recording rules and alerts for a Prometheus that is there already."""

from pathlib import Path

import click

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.endings import MistakeError


@click.group()
def rules() -> None:
    """Prometheus rules on the metrics."""


@rules.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Write over files that differ, such as rules of your own.")
def export(directory: Path, *, force: bool) -> None:
    """Write the rules to DIRECTORY, for rule_files in prometheus.yml."""
    try:
        written = shipped_assets.export("rules", directory, overwrite=force)
    except shipped_assets.ExportError as error:
        raise MistakeError(error) from None
    for path in written:
        click.echo(path)
