"""The command line: one file for each command."""

import click

from hydrochat_otel import __version__
from hydrochat_otel.cli.demo import demo


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hydrochat-otel")
def main() -> None:
    """OpenTelemetry for Python services that talk to Google Gemini."""


main.add_command(demo)
