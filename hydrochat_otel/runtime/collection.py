"""Detects a garbage collection in this thread: on CPython 3.11 a finaliser then must not set a context variable.

`ContextVar.set` allocates on 3.11 while it holds a borrowed reference, so a collection that starts there and sets the
variable from a finaliser ends the process with a segmentation fault. From 3.12 on collections start between bytecodes
only, and nothing is registered.

The collector calls registered callbacks with the phase and a record of the collection. Both callbacks are functions of
the interpreter itself: in a Python function a signal handler could run, and the collector suppresses its exceptions,
such as a time limit or the `SystemExit` of SIGTERM.
"""

import functools
import gc
import sys
import threading
from typing import Final

NEWEST: Final = StopIteration()
"""Its arguments are the phase and the record of the newest collection of the process; none if none began yet.

Its `value` is the first of them, or None."""
# gevent puts a class of its own in the place of `threading.local`, which raises when the interpreter exits.
_local: Final = next(
    (kind for kind in object.__subclasses__() if (kind.__module__, kind.__name__) == ("_thread", "_local")),
    threading.local,
)
_of_thread: Final = _local()
"""Its `start` is the record of the newest collection that began in the thread."""


def is_running() -> bool:
    """Return whether the calling code runs inside a collection, as finalisers and callbacks of weak references do."""
    newest = NEWEST.args
    return bool(newest) and newest[0] == "start" and getattr(_of_thread, "start", None) is newest[1]


if sys.version_info < (3, 12):
    gc.callbacks.append(functools.partial(_local.__setattr__, _of_thread))
    gc.callbacks.append(functools.partial(StopIteration.__init__, NEWEST))
