"""``hydrochat-otel dashboards export``: the dashboards for an existing Grafana."""

from pathlib import Path

import click

from hydrochat_otel.cli import exporting
from hydrochat_otel.cli.site_adjustments import Adjustments, name_option, runbooks_option, severity_option


@click.group()
def dashboards() -> None:
    """Grafana dashboards of the metrics."""


@dashboards.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@name_option("--job", explained="Job that is shown first; may be repeated.", repeatable=True)
@name_option("--datasource", explained="Uid or name of the Prometheus data source that is used first.")
@severity_option()
@runbooks_option()
@exporting.force_option
@exporting.diff_option
def export(
    directory: Path,
    *,
    job: tuple[str, ...],
    datasource: str | None,
    severity: tuple[tuple[str, str], ...],
    runbooks: str | None,
    force: bool,
    diff: bool,
) -> None:
    """Write the dashboards to DIRECTORY, for Grafana's import or its file provisioning.

    A file that was edited since its export is kept, and the command exits with status 1.
    """
    adjustments = Adjustments.of(severity, jobs=job, datasource=datasource, runbooks=runbooks)
    exporting.run("dashboards", directory, adjustments, force=force, diff=diff)
