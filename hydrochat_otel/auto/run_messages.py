"""What ``hydrochat-otel run`` prints from inside the program that it started: the address, and a last line of totals.

The program replaces ``run`` in its process, so only the program can report the open port and the totals.
"""

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from hydrochat_otel.auto import RUN_PID
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import process_tree
from hydrochat_otel.settings import Settings
from hydrochat_otel.views import formats, json_export
from hydrochat_otel.web import access, paths

_NOT_OK: Final = ("failed", "cancelled", "blocked")
_MISSING: Final = {
    "unpriced_calls": "without a price",
    "unreconciled_calls": "unreconciled",
    "incomplete_calls": "incomplete",
}


def announcer(environ: Mapping[str, str], settings: Settings) -> Callable[[str], None] | None:
    """Return what to call with the address once the port is open; None if ``run`` did not start the program."""
    if RUN_PID not in environ:
        return None

    def announce(url: str) -> None:
        _print(f"hydrochat-otel: {url}, {paths.PAGE_PATH} for the page, {paths.METRICS_PATH} for Prometheus.")
        if settings.metrics_token is None:
            _print(f"hydrochat-otel: {access.NO_TOKEN_CONFIGURED}")

    return announce


def close_with_summary(environ: Mapping[str, str]) -> None:
    """Print a line of totals at exit if this process is what ``run`` became, or the program of the shell it became.

    Its workers print none: the line covers all processes that share the state.
    """
    if environ.get(RUN_PID) in {str(os.getpid()), str(os.getppid())} and process_tree.leader() is None:
        # Runs before the pipeline's own handlers, which were registered earlier: the state can still be read.
        atexit.register(_summarise, os.getpid())


def _summarise(pid: int) -> None:
    if os.getpid() != pid:
        return  # a forked child that runs the handlers of its parent
    with suppress(Exception):
        _print(f"hydrochat-otel: {totals_line(json_export.document(pipeline.current().snapshot()))}")


def totals_line(document: Mapping[str, Any]) -> str:
    """Return calls, failures, tokens, dollars, and what these miss, of an export document in one line."""
    calls = document["llm_api_metrics"]
    counts = [_calls(calls["total_calls"])]
    counts += [f"{calls[f'{outcome}_calls']} {outcome}" for outcome in _NOT_OK if calls[f"{outcome}_calls"]]
    tokens = f"{calls['total_tokens_used']:,}".replace(",", " ")
    usd = calls["total_cost_usd"]
    if not usd and calls["unpriced_tokens"]:
        usd = None
    missing = [f"{calls[name]} {words}" for name, words in _MISSING.items() if calls[name]]
    lacks = f" (a lower bound: {', '.join(missing)})" if missing else ""
    return f"{', '.join(counts)}, {tokens} tokens, {_dollars(usd)}{lacks}"


def _calls(number: int) -> str:
    return f"{number} call{'' if number == 1 else 's'}"


def _dollars(usd: float | None) -> str:
    return "unknown cost" if usd is None else formats.usd_text(usd)


def _print(line: str) -> None:
    # The stream may be closed, or None; neither is a reason to disturb the program.
    with suppress(Exception):
        print(line, file=sys.__stderr__, flush=True)
