"""The command line: one file for each command."""

from typing import Final

import click

from hydrochat_otel import __version__
from hydrochat_otel.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "dashboards": "Grafana dashboards of the metrics.",
    "demo": "Run a HydroChat-like workload against an emulated Gemini and serve the results.",
    "doctor": "Find out whether the telemetry works, and what to do if it does not.",
    "emulator": "Run an emulated Gemini on 127.0.0.1 that keeps a ledger of what it billed.",
    "export": "Print the export of a running service.",
    "prices": "List the price of every known model, or of MODELS, in US dollars for a million tokens.",
    "reconcile": "Compare a billing file of Google with what was metered.",
    "registry": "Registry of the names, for OpenTelemetry's Weaver.",
    "report": "Print calls, tokens and dollars by operation, model or dimension.",
    "rules": "Prometheus rules on the metrics.",
    "run": "Run COMMAND with everything measured, without a line of code.",
    "serve": "Serve the page, the export and /metrics from a process that runs MODULE.",
}
"""One line of help for each command, which is imported only when it is called."""


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hydrochat-otel")
def main() -> None:
    """OpenTelemetry for Python services that talk to Google Gemini."""
