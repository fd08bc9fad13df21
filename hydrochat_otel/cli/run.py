"""``hydrochat-otel run``: a command with everything measured, without a line of code."""

import os
import shutil
import sys
from pathlib import PurePath
from typing import Final

import click

from hydrochat_otel import auto, web
from hydrochat_otel.auto import process_role
from hydrochat_otel.auto.process_role import Role
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.web import access

# As shells do.
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--host", help="Name or address to listen on.  [default: HYDROCHAT_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: HYDROCHAT_PORT or 9464]")
@click.option("--state", help="Where several processes meet.  [default: HYDROCHAT_STATE or auto]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]...")
def run(host: str | None, port: int | None, state: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with operations, Gemini calls and metrics recorded, and the endpoints on a port of their own.

    COMMAND is what it is without this: gunicorn, uvicorn, granian, celery, python manage.py runserver, a script. It
    takes the place of this process, so that signals and its exit code are its own.
    """
    if not command:
        raise click.UsageError("There is no command: hydrochat-otel run -- python manage.py runserver")
    if shutil.which(command[0]) is None:
        _stop(f"{command[0]} is not found, or not executable.", _NOT_FOUND)
    given = {"HYDROCHAT_HOST": host, "HYDROCHAT_PORT": port, "HYDROCHAT_STATE": state}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    try:
        settings = Settings.load()
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    try:
        from opentelemetry.instrumentation import auto_instrumentation  # noqa: PLC0415 - optional library
    except ModuleNotFoundError:
        _stop('This needs opentelemetry-instrumentation: pip install "hydrochat-otel[auto]"', 1)
    os.environ.setdefault("OTEL_PYTHON_DISTRO", auto.NAME)
    os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", auto.NAME)
    _tell(settings, command)
    sys.argv = ["opentelemetry-instrument", *command]
    try:
        auto_instrumentation.run()
    except OSError as error:
        _stop(f"{command[0]} cannot be run: {error.strerror}.", _NOT_EXECUTABLE)


def _tell(settings: Settings, command: tuple[str, ...]) -> None:
    """Say where the endpoints will be, and what still keeps them closed."""
    interpreted = PurePath(command[0]).name.startswith("python")
    role = process_role.role(command if interpreted else ("python", *command), os.environ)
    opens = auto.opens_port(Role.SERVES if role is Role.ABSENT else role, settings, os.environ)
    if True not in opens:
        return
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}" if settings.port else "a free port"
    click.echo(f"hydrochat-otel: {url}, {web.PAGE_PATH} for the page, {web.METRICS_PATH} for Prometheus.", err=True)
    if settings.metrics_token is None:
        click.echo(f"hydrochat-otel: {access.NO_TOKEN_CONFIGURED}", err=True)


def _stop(sentence: str, code: int) -> None:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(code)
