"""``hydrochat-otel emulator``: the emulated Gemini for programs in any language."""

import signal
import sys
import threading

import click

from hydrochat_otel.cli.exit_codes import MistakeError
from hydrochat_otel.testing import GeminiEmulator, made_up_reply


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one, which is the default.")
def emulator(port: int) -> None:
    """Run an emulated Gemini on 127.0.0.1 that keeps a ledger of what it billed.

    Prints its address on one line, then answers until SIGTERM or Ctrl-C. Replies are scripted, and the ledger is read,
    below /_emulator/: POST script, GET ledger, POST reset.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    running = GeminiEmulator(made_up_reply, port=port, controllable=True)
    try:
        running.start()
    except OSError as error:
        raise MistakeError(f"Listening on 127.0.0.1:{port} failed: {error.strerror}.") from None
    sys.stdout.write(f"{running.base_url}\n")
    sys.stdout.flush()
    stop.wait()
    running.stop()
