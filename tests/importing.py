"""Imports modules and prints, as JSON, what its import did beside reading code; run as a program of its own."""

import importlib
import json
import os
import signal
import sys
import sysconfig
import threading

OURS = os.sep + "hydrochat_otel" + os.sep
CODE = (".py", ".pyc", ".so")
DEEDS = (
    "socket.",
    "subprocess.",
    "os.fork",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.putenv",
    "sqlite3.",
    "urllib.",
    "http.",
    "_thread.start",
    "tempfile.",
)
PYTHONS = (sysconfig.get_path("stdlib"), "<frozen")


def is_deed(name, arguments):
    """Whether the event is more than reading code: a file, a socket, a process, a thread."""
    if name == "open":
        path, _, flags = arguments
        reads = not (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR))
        return not (reads and str(path).endswith(CODE)) and "__pycache__" not in str(path)
    return name.startswith(DEEDS)


def culprit():
    """Return the file of the innermost function that is not Python's own."""
    frame = sys._getframe(2)
    while (
        frame is not None
        and frame.f_code.co_filename.startswith(PYTHONS)
        and "site-packages" not in (frame.f_code.co_filename)
    ):
        frame = frame.f_back
    return "" if frame is None else frame.f_code.co_filename


def handlers():
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def main(*modules):
    deeds = []
    before, hook = handlers(), sys.excepthook

    def audit(name, arguments):
        if is_deed(name, arguments):
            deeds.append((name, str(arguments[0])[:80] if arguments else "", culprit()))

    sys.addaudithook(audit)
    for module in modules:
        importlib.import_module(module)
    seen = list(deeds)
    print(
        json.dumps(
            {
                "deeds": seen,
                "ours": [deed for deed in seen if OURS in deed[2]],
                "threads": threading.active_count(),
                "changed": before != handlers() or hook is not sys.excepthook,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
