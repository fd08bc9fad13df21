"""``hydrochat-otel rules export``: recording rules and alerts for an existing Prometheus."""

from pathlib import Path

import click

from hydrochat_otel.cli import exporting


@click.group()
def rules() -> None:
    """Prometheus rules on the metrics."""


@rules.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace edited files, too.")
@click.option("--diff", is_flag=True, help="Write nothing; print how the files there differ from what is shipped.")
def export(directory: Path, *, force: bool, diff: bool) -> None:
    """Write the rules to DIRECTORY, for rule_files in prometheus.yml.

    A file that was edited since its export is kept, and the command exits with status 1.
    """
    exporting.run("rules", directory, force=force, diff=diff)
