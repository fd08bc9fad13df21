"""Reads an operator's TOML or JSON file in bounded time, memory and depth: regular files only, checked before parsing.

Python's TOML parser takes quadratic time on a long dotted key, and a FIFO in the place of a file blocks its reader
forever. Neither can happen here. For start-up and background threads only: no file is read on a call's path.
"""

import json
import os
import stat
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

LARGEST_BYTES: Final = 262_144
_LONGEST_LINE: Final = 2_000
_MOST_DOTS: Final = 64
_MULTI_LINE: Final = ('"""', "'''")


class UnusableFileError(ValueError):
    """A file cannot be read or parsed; the message says why, without the file's name."""


def read_table(path: Path) -> tuple[Any, float]:
    """Return the file's contents, numbers with a fraction as :class:`~decimal.Decimal`, and when it was last written.

    Raises:
        UnusableFileError: It is not a regular file, too large, unreadable, or not valid TOML or JSON.
    """
    parse = {".toml": _parse_toml, ".json": _parse_json}.get(path.suffix.lower())
    if parse is None:
        raise UnusableFileError("the name of a price file must end in .toml or .json")
    raw, written_unix_s = _read(path)
    kind = path.suffix[1:].upper()
    try:
        return parse(raw.decode("utf-8")), written_unix_s
    except UnusableFileError:
        raise
    except RecursionError:
        raise UnusableFileError(f"is not valid {kind}: it is nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise UnusableFileError(f"is not valid {kind}: {_one_line(str(error))}") from None


def state_of(path: Path) -> tuple[int, int, int] | None:
    """Return a value that changes when the file is written or replaced; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> tuple[bytes, float]:
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer; a regular file ignores it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnusableFileError("is not a regular file")
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UnusableFileError(f"cannot be read ({error.strerror})") from None
    if len(raw) > LARGEST_BYTES:
        raise UnusableFileError(f"is longer than {LARGEST_BYTES} bytes, which no price file needs")
    return raw, status.st_mtime


def _parse_toml(text: str) -> Any:
    if any(quotes in text for quotes in _MULTI_LINE):
        raise UnusableFileError("is not valid TOML: texts over several lines are not allowed")
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _LONGEST_LINE or line.count(".") > _MOST_DOTS:
            raise UnusableFileError(
                f"is not valid TOML: line {number} has more than {_LONGEST_LINE} characters or {_MOST_DOTS} dots"
            )
    return tomllib.loads(text, parse_float=Decimal)


def _parse_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _one_line(text: str) -> str:
    """Return the parser's message without control characters: it quotes the file."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:200]
