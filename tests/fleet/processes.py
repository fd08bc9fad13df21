"""Helpers of several tests of shared states: counting, waiting, and children that report by their exit code."""

import os
import signal
import time
import traceback

from hydrochat_otel import semconv


def count(snapshot):
    """Operations that the snapshot counts."""
    return sum(sum(point.counts) for point in snapshot.points(semconv.OPERATION_DURATION))


def eventually(holds, seconds=10.0):
    """Wait until the condition holds."""
    end_s = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end_s, "it never held"
        time.sleep(0.02)


def in_child(body, seconds=10):
    """Fork, and fail if the body returns anything but True, raises or hangs."""
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        code = 1
        try:
            code = 0 if body() else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
