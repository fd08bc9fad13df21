"""Runs telemetry in a signal handler at every line that our code runs for a piece of tracked work, one line a run."""

import signal
import sys

from faults.interrupting import SCENARIOS, Interrupter, track


def reentered(scenario, nth, pipeline):
    """Run the scenario with a handler that tracks at the n-th event; whether there was such an event."""

    def handler(signum, frame):
        with track:
            pass
        pipeline.instruments.queue.drain()
        pipeline.store.get_statistics()

    interrupter = Interrupter(nth)
    before = signal.signal(signal.SIGUSR1, handler)
    sys.settrace(interrupter)
    try:
        SCENARIOS[scenario]()
    finally:
        sys.settrace(None)
        signal.signal(signal.SIGUSR1, before)
    return interrupter.place is not None
