"""Lets a test that is sensitive to load run alone, also when several xdist workers run tests at once."""

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(*, alone):
    """Wait until this test may run, and keep tests that must run alone from running beside it.

    Two locks: a test that waits to be alone holds the entrance, so that no further test comes in before it.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        yield
        return
    folder = Path(tempfile.gettempdir())
    with (
        folder.joinpath(f"hydrochat-tests-{run}-entrance").open("w") as entrance,
        folder.joinpath(f"hydrochat-tests-{run}-room").open("w") as room,
    ):
        fcntl.flock(entrance, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(entrance, fcntl.LOCK_UN)
        yield
