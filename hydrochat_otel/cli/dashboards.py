"""``hydrochat-otel dashboards export``: the dashboards for an existing Grafana."""

from pathlib import Path

import click

from hydrochat_otel.cli import exporting


@click.group()
def dashboards() -> None:
    """Grafana dashboards of the metrics."""


@dashboards.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace edited files, too.")
@click.option("--diff", is_flag=True, help="Write nothing; print how the files there differ from what is shipped.")
def export(directory: Path, *, force: bool, diff: bool) -> None:
    """Write the dashboards to DIRECTORY, for Grafana's import or its file provisioning.

    A file that was edited since its export is kept, and the command exits with status 1.
    """
    exporting.run("dashboards", directory, force=force, diff=diff)
