"""Whether the garbage collector runs in this thread: on CPython 3.11 a finaliser then must not set a context variable.

`ContextVar.set` allocates on 3.11 while it holds a borrowed reference, so a collection that starts there and sets the
variable from a finaliser ends the process with a segmentation fault. From 3.12 on collections start between bytecodes
only, and nothing is registered.
"""

import gc
import sys
import threading
from typing import Final

_threads: Final[set[int]] = set()
"""The thread that collects; at most one at a time."""


def is_running() -> bool:
    """Whether the calling code runs inside a collection, as finalisers and weak references' callbacks do."""
    return bool(_threads) and threading.get_ident() in _threads


def _follow(phase: str, _: dict[str, int]) -> None:
    if phase == "start":
        _threads.add(threading.get_ident())
    else:
        _threads.discard(threading.get_ident())


if sys.version_info < (3, 12):
    gc.callbacks.append(_follow)
