"""A worker that is measured while it works: quick operations, some of which fail, and some above their threshold."""

import itertools
import logging
import time

import hydrochat_otel
from hydrochat_otel import track_response_time

hydrochat_otel.install(instrument_gemini=False, max_entries=20_000)
logging.getLogger("hydrochat_otel").setLevel(logging.ERROR)


@track_response_time("quick")
def quick(number):
    if number % 10 == 9:
        raise ValueError


@track_response_time("slow", threshold_seconds=0.0)
def slow():
    time.sleep(0.002)


def work():
    for number in itertools.count():
        try:
            quick(number)
        except ValueError:
            slow()
        time.sleep(0.01)


async def finished():
    """Return at once."""
    slow()
