"""The long run: workers under mixed load, with faults, kills and scrapes, and what must be true at its end."""

import itertools
import math
import random
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from fuzz import conversations
from long_run.processes import Process

from hydrochat_otel.testing import GeminiEmulator, Usage, answer, failure, rate_limited

WORKERS = 3
SETTLED_S = 4.0
"""What a process did so long ago is in the shared state, if the state could be written meanwhile."""
LOCKED_S = 2.0
MOST_GROWTH = 1.10
MOST_MORE_BYTES = 12_000_000
TOKENS_OF_A_CALL = 60


@dataclass
class Report:
    """What the run has seen."""

    events: list = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    broken: list = field(default_factory=list)
    lines: list = field(default_factory=list)
    survivor: list = field(default_factory=list)


class Run:
    """One run; what it leaves is in :attr:`report`."""

    def __init__(self, folder, minutes, seed=1):
        self._folder = folder
        self._file = folder / "state.db"
        self._minutes = minutes
        self._random = random.Random(seed)
        self._began_s = time.monotonic()
        self._numbers = itertools.count()
        self._processes = []
        self._ended = []
        self._lost_at_most = 0
        self._locked_until_s = 0.0
        self.report = Report()

    @property
    def _now_s(self):
        return time.monotonic() - self._began_s

    def __call__(self):
        with GeminiEmulator(self._reply) as emulator:
            self._emulator = emulator
            self._processes = [self._started() for _ in range(WORKERS)]
            for process in self._processes:
                process.wait_until_ready()
            self._began_s = time.monotonic()
            next_event_s = 5.0
            try:
                while self._now_s < 60 * self._minutes:
                    self._look()
                    if self._now_s >= next_event_s:
                        self._event()
                        next_event_s = self._now_s + 8.0
                    time.sleep(1.0)
                self._finish(emulator)
            finally:
                for process in self._processes:
                    process.kill()
        return self.report

    def _started(self):
        return Process(next(self._numbers), self._folder, self._emulator.base_url, f"sqlite://{self._file}")

    def _reply(self, _request):
        kind = self._random.random()
        if kind < 0.05:
            return rate_limited(0.05)
        if kind < 0.1:
            return failure(500)
        texts = ("one", "two", "three")
        return answer(*texts, usage=Usage(prompt=40, answer=20))

    # -- while it runs -----------------------------------------------------------------------------------------------

    def _look(self):
        for process in self._processes:
            process.look(self._now_s)
            for path in ("/metrics", "/api/hydrochat/metrics/export/?entries=true"):
                status, body = process.get(path)
                self.report.statuses[status] += 1
                if status != 200 and not self._is_explained(status, body):
                    self.report.broken.append(f"{self._now_s:.0f} s: {path} {status} {body[:200]!r}")

    def _is_explained(self, status, body):
        """A state that was locked a moment ago is 503 with a sentence about it; nothing else may happen."""
        return status == 503 and b"state" in body and self._now_s < self._locked_until_s + SETTLED_S

    def _event(self):
        event = self._random.choice((self._lock, self._kill_at_rest, self._kill_at_work, self._end, self._fuzz))
        began_s = self._now_s
        event()
        self.report.events.append((began_s, event.__name__.strip("_").replace("_", " ")))

    def _lock(self):
        """Hold the state's file against everybody, as a backup or a full disk does."""
        with sqlite3.connect(self._file, isolation_level=None, timeout=30) as database:
            database.execute("BEGIN EXCLUSIVE")
            self._locked_until_s = math.inf  # a look takes seconds while every request waits for the lock
            until_s = time.monotonic() + LOCKED_S
            while time.monotonic() < until_s:
                self._look()
                time.sleep(0.1)
            self._locked_until_s = self._now_s
            database.execute("ROLLBACK")
        database.close()
        time.sleep(SETTLED_S)

    def _kill_at_rest(self):
        process = self._victim()
        process.rest()
        time.sleep(SETTLED_S)
        self._replace(process, process.kill)

    def _kill_at_work(self):
        process = self._victim()
        self._replace(process, process.kill)
        self._lost_at_most += process.done(since_unix_s=process.killed_unix_s - SETTLED_S) + WORKERS

    def _end(self):
        process = self._victim()
        self._replace(process, lambda: self._expect(process.end() == 0, f"{process.log.read_text()[-500:]}"))

    def _fuzz(self):
        seen = conversations.run(self._processes[0].port, 2, self._random.random())
        self.report.broken += seen.broken

    def _victim(self):
        return self._random.choice(self._processes[1:])  # the first one lives to the end

    def _replace(self, process, end):
        end()
        self._processes.remove(process)
        self._ended.append(process)
        self._processes.append(self._started())
        self._processes[-1].wait_until_ready()

    # -- at its end --------------------------------------------------------------------------------------------------

    def _expect(self, holds, sentence):
        if not holds:
            self.report.broken.append(sentence)

    def _finish(self, emulator):
        for process in self._processes:
            process.rest()
        time.sleep(SETTLED_S)
        emulator.wait_until_idle()
        everybody = [*self._ended, *self._processes]
        survivor = self._processes[0]
        seen, done = survivor.totals(), sum(process.done() for process in everybody)
        billed = emulator.ledger.totals()
        self._compare("operations", seen["hydrochat_operation_duration_seconds_count"], done)
        self._compare("calls", seen["hydrochat_llm_calls_total"], billed.calls.total)
        # A stream that the worker closed early is billed as a whole, and counted as incomplete.
        self._lost_at_most += int(seen.get("hydrochat_llm_incomplete_calls_total", 0))
        self._compare("tokens", seen["hydrochat_llm_tokens_total"], billed.tokens.total, TOKENS_OF_A_CALL)
        self._compare("dollars", seen["hydrochat_llm_cost_total"], float(billed.cost_usd), 0.001)
        self.report.survivor = survivor.samples
        self._is_flat(survivor.samples)
        for process in self._processes:
            self._expect(process.end() == 0, f"worker {process.number} did not end: {process.log.read_text()[-500:]}")

    def _compare(self, what, counted, true, unit=1):
        """Compare a total; what a process killed at work had not published yet may be missing, and nothing else."""
        missing = true - counted
        self.report.lines.append(
            f"{what}: {counted:.6g} counted, {true:.6g} true, {missing:.6g} lost with killed workers"
        )
        self._expect(-1e-6 <= missing <= self._lost_at_most * unit + 1e-6, self.report.lines[-1])

    def _is_flat(self, samples):
        """Compare the last quarter of the process that lived all along with its second quarter."""
        quarter = max(1, len(samples) // 4)
        before, after = samples[quarter : 2 * quarter], samples[-quarter:]
        for name in ("memory", "threads", "descriptors"):
            was, now = (median(getattr(one, name) for one in part) for part in (before, after))
            more = MOST_MORE_BYTES if name == "memory" else 2
            self.report.lines.append(f"{name}: {was:,.0f} in the second quarter, {now:,.0f} in the last")
            self._expect(now <= max(was * MOST_GROWTH, was + more), self.report.lines[-1])
