"""The command line: one file for each command."""

import click

from hydrochat_otel import __version__
from hydrochat_otel.cli.dashboards import dashboards
from hydrochat_otel.cli.demo import demo
from hydrochat_otel.cli.emulator import emulator
from hydrochat_otel.cli.export import export
from hydrochat_otel.cli.prices import prices
from hydrochat_otel.cli.reconcile import reconcile
from hydrochat_otel.cli.rules import rules
from hydrochat_otel.cli.run import run
from hydrochat_otel.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hydrochat-otel")
def main() -> None:
    """OpenTelemetry for Python services that talk to Google Gemini."""


for command in (dashboards, demo, emulator, export, prices, reconcile, rules, run, serve):
    main.add_command(command)
