"""``hydrochat-otel rules export``: recording rules and alerts for an existing Prometheus."""

from pathlib import Path

import click

from hydrochat_otel.cli import exporting
from hydrochat_otel.cli.site_adjustments import Adjustments, address_option, runbooks_option, severity_option


@click.group()
def rules() -> None:
    """Prometheus rules on the metrics."""


@rules.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@severity_option()
@runbooks_option()
@address_option("--grafana", explained="Address of Grafana, for the links from alerts to dashboards.")
@exporting.force_option
@exporting.diff_option
def export(
    directory: Path,
    *,
    severity: tuple[tuple[str, str], ...],
    runbooks: str | None,
    grafana: str | None,
    force: bool,
    diff: bool,
) -> None:
    """Write the rules to DIRECTORY, for rule_files in prometheus.yml.

    A file that was edited since its export is kept, and the command exits with status 1.
    """
    adjustments = Adjustments.of(severity, runbooks=runbooks, grafana=grafana)
    exporting.run("rules", directory, adjustments, force=force, diff=diff)
