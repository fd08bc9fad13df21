"""The file of a finished batch job: a reply on each line, whose usage is taken in a thread of its own.

Such a file may be gigabytes, so nothing of it is read in the caller's thread. The thread reads line by line. The end of
the program waits for it, but not long: what is left then makes the job unreconciled.
"""

import io
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from stat import S_ISREG
from types import SimpleNamespace
from typing import Any, BinaryIO, Final

from hydrochat_otel.instrumentation.gemini.guarded_call import GuardedCall
from hydrochat_otel.instrumentation.gemini.raw_json import as_attributes
from hydrochat_otel.runtime import background, failures

_COMPONENT: Final = "google_genai.late_usage"
_LONGEST_LINE: Final = 64 * 1024 * 1024
_PATIENCE_S: Final = 3.0
"""How long the end of the program waits for a file that is being read."""


def take(call: GuardedCall, source: object) -> None:
    """End the call with the usage that the file states, in a thread of its own.

    Args:
        call: The record of the batch's result.
        source: The file's bytes, or the path that it was written to. A stream that the caller owns cannot be read
            again: the result is unreconciled then.
    """
    if not isinstance(source, bytes | str | os.PathLike):
        call.succeed()
        return
    try:
        # No daemon: a script that downloads the file and ends has its usage counted.
        work = partial(background.guarded, partial(_take_lines, call, source), component=_COMPONENT)
        threading.Thread(target=work, name="hydrochat-otel-batch").start()
    except RuntimeError as error:
        failures.note(_COMPONENT, error)
        call.succeed()


def take_replies(call: GuardedCall, replies: Iterable[Any]) -> None:
    """End the call with the usage of all replies, each priced by itself."""
    for reply in replies:
        call.take(reply)
        call.close_turn()
    call.succeed()


def _take_lines(call: GuardedCall, source: Any) -> None:
    try:
        with _opened(source) as file:
            take_replies(call, _replies_of(file))
    except BaseException as error:
        failures.note(_COMPONENT, error)
        call.succeed()  # without the rest of its usage


def _opened(source: Any) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    path = Path(os.fsdecode(source))
    if not S_ISREG(path.stat().st_mode):  # a pipe would wait for its other end
        raise OSError
    return path.open("rb")


def _replies_of(file: BinaryIO) -> Iterator[SimpleNamespace]:
    """Yield what each line says, as the attributes that the SDK's own models have.

    Raises:
        TimeoutError: The program ends and the file is too long to wait for.
    """
    until = None
    while line := file.readline(_LONGEST_LINE):
        if until is None and not threading.main_thread().is_alive():
            until = time.monotonic() + _PATIENCE_S
        if until is not None and time.monotonic() > until:
            raise TimeoutError
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        response = said.get("response") if isinstance(said, dict) else None
        if isinstance(response, dict):
            usage = response.get("usageMetadata")
            yield SimpleNamespace(
                usage_metadata=as_attributes(usage) if isinstance(usage, dict) else None,
                model_version=response.get("modelVersion"),
                token_count=response.get("tokenCount"),
            )
