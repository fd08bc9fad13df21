"""``hydrochat-otel dashboards export``: the dashboards for a Grafana that is there already."""

from pathlib import Path

import click

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.endings import MistakeError


@click.group()
def dashboards() -> None:
    """Grafana dashboards of the metrics."""


@dashboards.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Write over files that differ.")
def export(directory: Path, *, force: bool) -> None:
    """Write the dashboards to DIRECTORY, for Grafana's import or its file provisioning."""
    try:
        written = shipped_assets.export("dashboards", directory, overwrite=force)
    except shipped_assets.ExportError as error:
        raise MistakeError(error) from None
    for path in written:
        click.echo(path)
