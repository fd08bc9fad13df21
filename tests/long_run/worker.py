"""One process of the long run: works in threads, serves its numbers, and writes down what it did.

    worker.py PORT EMULATOR STATE TRUTH

SIGUSR1 lets it rest, and what it did arrives in the shared state; SIGTERM ends it.
"""

import contextlib
import random
import signal
import sys
import threading
import time
from pathlib import Path

from google import genai

import hydrochat_otel
from hydrochat_otel import track_response_time
from hydrochat_otel.serve.server import Server

TOKEN = "token-of-the-tests-1234"
THREADS = 3
MODEL = "gemini-2.0-flash"


class WorkError(Exception):
    """What a part of the work raises."""


class Worker:
    """The threads that work until they rest or end."""

    def __init__(self, emulator, truth):
        options = {"base_url": emulator, "timeout": 5000, "retry_options": {"attempts": 1}}
        self._client = genai.Client(api_key="long-run", http_options=options)
        self._truth = truth
        self.rests = threading.Event()
        self.ends = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(THREADS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join()

    def _work(self, number):
        random_ = random.Random(number)
        while not self.ends.wait(random_.uniform(0.02, 0.08)):
            if self.rests.is_set():
                continue
            with contextlib.suppress(Exception):  # the emulator fails some calls, and some of the work fails by itself
                self._turn(random_)

    def _turn(self, random_):
        try:
            with track_response_time("turn"):
                self._step(random_)
                if random_.random() < 0.5:
                    self._call(random_)
        finally:
            self._write_down("turn")

    def _step(self, random_):
        try:
            with track_response_time("step", threshold_seconds=0.5):
                if random_.random() < 0.1:
                    raise WorkError
        finally:
            self._write_down("step")

    def _call(self, random_):
        if random_.random() < 0.5:
            self._client.models.generate_content(model=MODEL, contents="x")
        else:
            chunks = self._client.models.generate_content_stream(model=MODEL, contents="x")
            for _ in chunks:
                if random_.random() < 0.2:
                    chunks.close()
                    break

    def _write_down(self, name):
        self._truth.write(f"{time.time():.3f} {name}\n")  # line buffered: it survives a kill


def main(port, emulator, state, truth):
    """Serve and work until SIGTERM."""
    hydrochat_otel.install(
        state=state, metrics_token=TOKEN, instrument_gemini=True, publish_interval_s=0.5, max_entries=300
    )
    with Path(truth).open("w", buffering=1) as file:
        worker = Worker(emulator, file)
        signal.signal(signal.SIGUSR1, lambda *_: worker.rests.set())
        signal.signal(signal.SIGTERM, lambda *_: worker.ends.set())
        with Server("127.0.0.1", int(port)):  # a ready worker takes signals
            worker.start()
            worker.join()
        hydrochat_otel.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
