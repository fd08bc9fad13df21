"""The command line: one file for each command."""

import sys
from importlib import import_module
from typing import Final

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

_INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it imports what it needs."""
    try:
        import_module("hydrochat_otel.cli.command_line").command_line()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
