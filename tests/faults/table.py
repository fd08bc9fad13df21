"""The fault table: each part that telemetry depends on, with each fault, under a host that must not notice.

`python -m tests.faults` prints it. A cell is "held" if all of this is so:

- the work of the cell reached the part;
- results, errors and context of the host are the same as without the fault;
- what the failure could not hit is counted to the unit, while the fault lasts;
- each failure is counted, and counted once; a delay and a re-entry are none;
- no sentence is logged twice within the minute;
- without the fault everything is counted again, to the unit.
"""

import importlib
import time
import types
from contextlib import contextmanager

from faults.interrupting import track
from faults.parts import PARTS, SCRAPE
from faults.rig import Rig

from hydrochat_otel.runtime import failures

DELAY_S = 0.001
_NONSENSE_COSTS = 4
"""One nonsensical result may fail at so many places that use it, at most."""


class FaultError(Exception):
    """The exception of a faulty part."""


class FaultBaseError(BaseException):
    """The same, past `except Exception`."""


class Fault:
    """Stands in for a part; counts how often it was reached and how often it tracked an operation of its own."""

    def __init__(self, original, kind):
        self.original = original
        self.kind = kind
        self.reached = 0
        self.reentered = 0
        self._inside = False

    def __call__(self, *args, **kwargs):
        self.reached += 1
        return getattr(self, f"_{self.kind}")(*args, **kwargs)

    def _raises(self, *_, **__):
        raise FaultError

    def _raises_base(self, *_, **__):
        raise FaultBaseError

    def _nonsense(self, *_, **__):
        return object()

    def _delays(self, *args, **kwargs):
        time.sleep(DELAY_S)
        return self.original(*args, **kwargs)

    def _reenters(self, *args, **kwargs):
        if not self._inside:
            self._inside = True
            try:
                with track:
                    self.reentered += 1
            finally:
                self._inside = False
        return self.original(*args, **kwargs)


KINDS = {
    "raises": "raises",
    "BaseException": "raises_base",
    "delays": "delays",
    "nonsense": "nonsense",
    "re-enters": "reenters",
}


@contextmanager
def _in_place(where, kind):
    """Put a fault in the place of a function, and yield it."""
    module, _, path = where.partition(":")
    owner = importlib.import_module(module)
    *classes, name = path.split(".")
    restore = None
    if classes == ["time"]:  # the clock of ours only: the host's libraries read it as well
        restore, owner.time = (owner, owner.time), types.SimpleNamespace(**vars(owner.time))
    for each in classes:
        owner = getattr(owner, each)
    original = vars(owner)[name]
    fault = Fault(getattr(original, "__func__", original), KINDS[kind])

    def standing(*args, **kwargs):  # a function, so that it binds like the one it stands for
        return fault(*args, **kwargs)

    setattr(owner, name, type(original)(standing) if isinstance(original, classmethod | staticmethod) else standing)
    try:
        yield fault
    finally:
        setattr(owner, name, original)
        if restore is not None:
            restore[0].time = restore[1]


def cell(name, kind, rig):
    """Return "held", or the first thing that did not hold."""
    return next(_broken(PARTS[name], kind, rig), "held")


def _broken(part, kind, rig):
    rig.begin()
    with _in_place(part.where, kind) as fault:
        changed, statuses = rig.work(part.work, fault)
        counted = dict(failures.counts())
    rig.again(part.work)
    books = rig.books()
    if changed:
        yield f"changed: {changed}"
    if not fault.reached:
        yield "not reached"
    wrong = rig.wrong(books, fault.reentered, may_miss=part.costs) if part.work == "host" else {}
    if wrong:
        yield f"lost: {wrong}"
    if not _is_served(statuses, kind, may_fail=SCRAPE in part.costs):
        yield f"not served: {statuses}"
    contained = part.contained or "passed through" in statuses
    if not _is_counted_once(counted, kind, fault, contained=contained):
        yield f"counted: {counted} for {fault.reached}"
    if twice := rig.said_twice():
        yield f"said twice: {twice}"
    rig.begin(books)
    changed, statuses = rig.work("host")
    wrong = rig.wrong(rig.books(), 0)
    if changed or wrong or set(statuses) != {200} or failures.counts():
        yield f"did not go on: {changed}, {wrong}, {statuses}, {failures.counts()}"


def _is_served(statuses, kind, *, may_fail):
    refused = {500, 503} | ({"passed through"} if kind == "BaseException" else set())
    return all(status == 200 or (may_fail and status in refused) for status in statuses)


def _is_counted_once(counted, kind, fault, *, contained):
    failed = sum(counted.values())
    if kind in {"delays", "re-enters"} or contained:
        return failed == 0 or (contained and failed <= fault.reached)
    if kind == "nonsense":
        return failed <= _NONSENSE_COSTS * fault.reached
    return 0 < failed <= fault.reached


def table(folder, kinds=tuple(KINDS)):
    """Return every cell of the kinds by part and kind; the rigs keep their files in the folder."""
    cells = {}
    for fast in (True, False):
        with Rig(folder, fast=fast) as rig:
            for name in (name for name, part in PARTS.items() if part.fast is fast):
                for kind in kinds:
                    cells[name, kind] = cell(name, kind, rig)
    return {(name, kind): cells[name, kind] for name in PARTS for kind in kinds}


def text(cells):
    """Return the table as text."""
    width = max(map(len, PARTS))
    lines = [" " * width + "".join(f"  {kind:>13}" for kind in KINDS)]
    lines += [f"{part:<{width}}" + "".join(f"  {cells[part, kind][:13]:>13}" for kind in KINDS) for part in PARTS]
    held = sum(found == "held" for found in cells.values())
    return "\n".join([*lines, f"{held} of {len(cells)} cells held"])
