"""Logs sentences without harm to the host: its handlers may raise, and may lack a character in their encoding.

A handler of the host's that raises (a full disk, a closed file) would raise into whatever logs. A handler with an
encoding that lacks a character would print a traceback to stderr instead of the sentence. A handler that is tracked,
and slow, would make a sentence about itself for each one that it writes.
"""

import inspect
import logging
from collections.abc import Iterator
from typing import Final

from hydrochat_otel.runtime import interruptions

_STACK_FRAMES: Final = 2
_DEEPEST_HANDLER: Final = 3
_NESTED: Final = 2


def warning(logger: logging.Logger, sentence: str, *arguments: object) -> None:
    """Log a warning, with the arguments of :meth:`logging.Logger.warning`; raises only what the host raised into it."""
    _log(logger, logging.WARNING, sentence, arguments)


def error(logger: logging.Logger, sentence: str, *arguments: object) -> None:
    """Log an error; as :func:`warning`."""
    _log(logger, logging.ERROR, sentence, arguments)


def info(logger: logging.Logger, sentence: str, *arguments: object) -> None:
    """Log an information; as :func:`warning`."""
    _log(logger, logging.INFO, sentence, arguments)


def _log(logger: logging.Logger, level: int, sentence: str, arguments: tuple[object, ...]) -> None:
    try:
        if not logger.isEnabledFor(level) or _is_nested():
            return
        text = sentence % arguments if arguments else sentence
        encodings = () if text.isascii() else set(_encodings(logger))
        if all(_can_write(text, encoding) for encoding in encodings):
            logger.log(level, sentence, *arguments, stacklevel=1 + _STACK_FRAMES)
        else:
            plain = text.encode("ascii", "backslashreplace").decode()
            logger.log(level, "%s", plain, stacklevel=1 + _STACK_FRAMES)
    except BaseException as failure:  # there is no other place to report it
        if interruptions.is_the_hosts(failure):
            raise


def _is_nested() -> bool:
    """Return whether a handler that writes a sentence of ours has led to this one, which would have no end."""
    frame, found = inspect.currentframe(), 0
    while frame is not None and found < _NESTED:
        found += frame.f_globals is globals() and frame.f_code.co_name == "_log"
        frame = frame.f_back
    return found == _NESTED


def _encodings(logger: logging.Logger) -> Iterator[str]:
    """Yield the encodings of all handlers that the logger's records reach."""
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            yield from _encodings_of(handler)
        current = current.parent if current.propagate else None
    if not logger.hasHandlers() and logging.lastResort is not None:
        yield from _encodings_of(logging.lastResort)


def _encodings_of(handler: object, depth: int = _DEEPEST_HANDLER) -> Iterator[str]:
    """Yield the encodings of a handler and of those that it forwards to."""
    encoding = getattr(getattr(handler, "stream", None), "encoding", None) or getattr(handler, "encoding", None)
    if isinstance(encoding, str):
        yield encoding
    if depth:
        for behind in _behind(handler):
            yield from _encodings_of(behind, depth - 1)


def _behind(handler: object) -> Iterator[object]:
    """Yield what a MemoryHandler flushes to, and what the listener of a QueueHandler calls where the handler has it."""
    target = getattr(handler, "target", None)
    if target is not None:
        yield target
    listened = getattr(getattr(handler, "listener", None), "handlers", None)
    if isinstance(listened, (list, tuple)):
        yield from listened


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
