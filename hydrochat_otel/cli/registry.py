"""``hydrochat-otel registry export``: our names for OpenTelemetry's Weaver."""

from pathlib import Path

import click

from hydrochat_otel.cli import exporting
from hydrochat_otel.cli.site_adjustments import NOTHING


@click.group()
def registry() -> None:
    """Registry of the names, for OpenTelemetry's Weaver."""


@registry.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@exporting.force_option
@exporting.diff_option
def export(directory: Path, *, force: bool, diff: bool) -> None:
    """Write the registry to DIRECTORY, for `weaver registry live-check --registry DIRECTORY`.

    A file that was edited since its export is kept, and the command exits with status 1.
    """
    exporting.run("registry", directory, NOTHING, force=force, diff=diff)
