"""Work in child processes, which share with the test only what existed before the fork."""

import os
import sys
import traceback


def start(work):
    """Do the work in a child; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(status)


def wait(*pids):
    """Wait for the children to end, and check that their work succeeded."""
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * len(pids)


class Gate:
    """Holds children back until the test lets all of them start at once."""

    def __init__(self):
        self._out, self._into = os.pipe()

    def pass_through(self):
        os.close(self._into)
        os.read(self._out, 1)

    def open(self):
        os.close(self._into)
        os.close(self._out)
