"""``hydrochat-otel run``: starts a command with everything measured, without a change of its code."""

import os
import shutil
import sys

import click

from hydrochat_otel.auto import NAME, RUN_PID
from hydrochat_otel.cli.exit_codes import MistakeError, NotExecutableError, NotFoundError
from hydrochat_otel.settings import Settings, SettingsError


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--host", help="Name or address to listen on.  [default: HYDROCHAT_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: HYDROCHAT_PORT or 9464]")
@click.option("--state", help="Where several processes share their totals.  [default: HYDROCHAT_STATE or auto]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]...")
def run(host: str | None, port: int | None, state: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with everything measured, without a line of code.

    Operations, Gemini calls and metrics are recorded, and the endpoints are on a port of their own; the program prints
    their address when the port is open, and calls, tokens and dollars in one line when it ends.

    COMMAND is unchanged: gunicorn, uvicorn, granian, celery, python manage.py runserver, a script. It replaces this
    process, so that it receives signals itself and its exit code is kept.
    """
    if not command:
        raise click.UsageError("There is no command: hydrochat-otel run -- python manage.py runserver")
    if shutil.which(command[0]) is None:
        raise NotFoundError(f"{command[0]} does not exist, or is not executable.")
    given = {"HYDROCHAT_HOST": host, "HYDROCHAT_PORT": port, "HYDROCHAT_STATE": state}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    try:
        Settings.load()
    except SettingsError as error:
        raise MistakeError(error) from None
    try:
        from opentelemetry.instrumentation import auto_instrumentation  # noqa: PLC0415 - optional library
    except ModuleNotFoundError:
        raise MistakeError('This needs opentelemetry-instrumentation: pip install "hydrochat-otel[auto]"') from None
    os.environ.setdefault("OTEL_PYTHON_DISTRO", NAME)
    os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", NAME)
    os.environ[RUN_PID] = str(os.getpid())
    sys.argv = ["opentelemetry-instrument", *command]
    try:
        auto_instrumentation.run()
    except OSError as error:
        raise NotExecutableError(f"Running {command[0]} failed: {error.strerror}.") from None
