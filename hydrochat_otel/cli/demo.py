"""``hydrochat-otel demo``: runs a workload through the real SDK against an emulated Gemini, and serves the numbers."""

import logging
import os
import secrets
import signal
import sys
import threading
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hydrochat_otel import web
from hydrochat_otel.cli.exit_codes import ExitCode, MistakeError
from hydrochat_otel.demo.scenario import ConversationBrain
from hydrochat_otel.demo.workload import WorkloadReport, run_workload
from hydrochat_otel.instrumentation import tracked
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.serve.server import Server, ServerError
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.views import json_export


@click.command()
@click.option("--turns", type=click.IntRange(1, 100_000), default=60, show_default=True, help="Conversation turns.")
@click.option("--seed", type=int, default=17, show_default=True, help="The same seed gives the same conversation.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page; 0 takes a free one.  [default: 9464]")
@click.option("--once", is_flag=True, help="Print the export as JSON when the workload is done, and end.")
def demo(turns: int, seed: int, port: int | None, *, once: bool) -> None:
    """Run a HydroChat-like workload against an emulated Gemini and serve the results.

    Needs no key, no Docker and no other service; nothing leaves this machine.
    """
    console = Console(stderr=True)
    try:
        settings = Settings.load(port=port)
        if settings.metrics_token is None:
            settings = Settings.load(port=port, metrics_token=secrets.token_urlsafe(24))
        server = None if once else Server(settings.host, settings.port)
        emulator = GeminiEmulator(ConversationBrain())
        emulator.start()
    except (SettingsError, ServerError) as error:
        raise MistakeError(error) from None
    except OSError as error:
        sentence = (
            f"The emulator cannot listen on 127.0.0.1: {error.strerror}; check that the loopback interface is up."
        )
        raise MistakeError(sentence) from None
    slow = _SlowOperations()
    _log_to(console, slow)
    stop = _stop_on_signals()
    pipeline.install(settings)
    if server is not None:
        server.start()
    console.print(f"Running {turns} conversation turns against the emulated Gemini.", highlight=False)
    report = _run(console, emulator, turns, seed, stop)
    code = ExitCode.INTERRUPTED if report is None else 0
    if report is not None:
        if server is None:
            sys.stdout.write(json_export.render(pipeline.current().snapshot()).decode())
        else:
            _show(console, server, settings, report, slow.count)
            stop.wait()
            console.print("Stopping.")
            server.stop()
    emulator.stop()
    pipeline.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread of the interrupted conversation may still wait for an answer; the exit does not wait for it.
    os._exit(code)


def _run(
    console: Console, emulator: GeminiEmulator, turns: int, seed: int, stop: threading.Event
) -> WorkloadReport | None:
    """Run the workload in a thread of its own, so that an interrupt ends it at once; None if interrupted."""
    outcome: list[WorkloadReport | BaseException] = []
    columns = (TextColumn("Talking to the emulated Gemini"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("turns", total=turns)
        done = threading.Event()

        def work() -> None:
            try:
                outcome.append(
                    run_workload(emulator.base_url, turns=turns, seed=seed, on_turn=lambda _: progress.advance(task))
                )
            except BaseException as error:  # raised below, in the main thread
                outcome.append(error)
            done.set()

        threading.Thread(target=work, name="hydrochat-otel-workload", daemon=True).start()
        while not (done.wait(0.1) or stop.is_set()):
            pass
    if not outcome:
        return None
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _show(console: Console, server: Server, settings: Settings, report: WorkloadReport, slow: int) -> None:
    token = settings.metrics_token
    operations = f"{slow} operation{'' if slow == 1 else 's'} over the threshold"
    console.print(f"{report.turns} turns in {report.wall_s:.1f} s, {operations}. Now look:\n", highlight=False)
    for what, url in (
        ("page", f"{server.url}/#token={token}"),
        ("metrics", server.url + web.METRICS_PATH),
        ("export", server.url + web.EXPORT_PATH),
        ("health", server.url + web.HEALTH_PATH),
        ("token", str(token)),
    ):
        console.print(f"  {what:8} {url}", highlight=False, soft_wrap=True)
    header = f"Authorization: Bearer {token}"
    console.print(f'\n  curl -H "{header}" {server.url}{web.EXPORT_PATH}', highlight=False, soft_wrap=True)
    console.print("\nCtrl-C ends it.")


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def request_stop(*_: Any) -> None:
        stop.set()

    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGTERM, request_stop)
    return stop


class _SlowOperations(logging.Filter):
    """Counts the warnings about slow operations instead of printing them: a run has dozens."""

    count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is printed."""
        is_slow = record.name == tracked.logger.name
        self.count += is_slow
        return not is_slow


def _log_to(console: Console, slow: _SlowOperations) -> None:
    handler = RichHandler(console=console, show_path=False, show_level=False, show_time=False)
    handler.addFilter(slow)
    logging.getLogger("hydrochat_otel").addHandler(handler)
    logging.getLogger("hydrochat_otel").propagate = False
    logging.getLogger("google_genai").setLevel(logging.ERROR)
