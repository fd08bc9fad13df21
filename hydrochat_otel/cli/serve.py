"""``hydrochat-otel serve``: serves the page, export and /metrics on their own port, beside a module that it runs."""

import asyncio
import inspect
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click
from rich.console import Console

from hydrochat_otel import web
from hydrochat_otel.cli.exit_codes import MistakeError
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import Pipeline, PipelineError
from hydrochat_otel.serve.server import Server, ServerError
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.web import access


@click.command()
@click.argument("target", required=False, metavar="[MODULE[:FUNCTION]]")
@click.option("--host", help="Name or address to listen on.  [default: HYDROCHAT_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: HYDROCHAT_PORT or 9464]")
def serve(target: str | None, host: str | None, port: int | None) -> None:
    """Serve the page, the export and /metrics from a process that runs MODULE.

    The numbers are those of this process: MODULE is imported, and FUNCTION, which may be a coroutine function, is
    called without arguments; when it returns, the server stops. Without FUNCTION it serves until Ctrl-C or SIGTERM, for
    a module whose import starts the work. Without MODULE it shows what other processes publish to HYDROCHAT_STATE, and
    the history from HYDROCHAT_PROMETHEUS_URL.
    """
    console = Console(stderr=True)
    try:
        settings = Settings.load(host=host, port=port)
        server = Server(settings.host, settings.port)
    except (SettingsError, ServerError) as error:
        raise MistakeError(error) from None
    _stop_on_signals()
    try:
        function = _function(target)
        running = _installed(settings)
        server.start()
        _tell(console, server, running.settings, target)
        _run(function or threading.Event().wait)
    except (SettingsError, PipelineError) as error:
        raise MistakeError(error) from None
    except KeyboardInterrupt:
        console.print("Stopping.")
    finally:
        server.stop()
        pipeline.shutdown()


def _installed(settings: Settings) -> Pipeline:
    """Return the pipeline that the module installed with settings of its own, or else ours."""
    try:
        running = pipeline.current()
    except PipelineError:
        return pipeline.install(settings)
    return pipeline.install(settings) if running.implicit else running


def _function(target: str | None) -> Callable[[], Any] | None:
    """Import the target as the application servers do, from the working directory first."""
    if target is None:
        return None
    if "" not in sys.path:
        sys.path.insert(0, "")
    name, _, attribute = target.partition(":")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        # Only if the target itself is missing; an import that fails inside of it keeps its own traceback.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise click.UsageError(f"There is no module {name} here.") from None
    if not attribute:
        return None
    function = getattr(module, attribute, None)
    if not callable(function):
        raise click.UsageError(f"{name} has no function {attribute}.")
    return function  # type: ignore[no-any-return] # its arguments and result are the user's


def _run(function: Callable[[], Any]) -> None:
    """Call the function on this thread and wait for its end."""
    result = function()
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _stop_on_signals() -> None:
    """Make SIGTERM end the function as Ctrl-C does."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def _tell(console: Console, server: Server, settings: Settings, target: str | None) -> None:
    console.print(
        f"Serving {server.url}{web.PAGE_PATH}, {web.METRICS_PATH} and {web.EXPORT_PATH}",
        highlight=False,
        soft_wrap=True,
    )
    if settings.metrics_token is None:
        console.print(access.NO_TOKEN_CONFIGURED, style="yellow", highlight=False, soft_wrap=True)
    if target is None:
        sentence = f"No module is given: this process measures nothing, {_source(settings)}."
        console.print(sentence, style="yellow", soft_wrap=True)


def _source(settings: Settings) -> str:
    if settings.state not in {"auto", "memory"}:
        return "the numbers are those of the processes that share its HYDROCHAT_STATE"
    return "the history comes from Prometheus" if settings.prometheus_url else "there will be nothing to see"
