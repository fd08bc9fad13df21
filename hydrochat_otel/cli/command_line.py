"""The group of all commands."""

import click

from hydrochat_otel.cli import COMMANDS
from hydrochat_otel.cli.lazy_group import LazyGroup
from hydrochat_otel.version import __version__


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hydrochat-otel")
def command_line() -> None:
    """OpenTelemetry for Python services that talk to Google Gemini."""
