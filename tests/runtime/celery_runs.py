"""Runs a real Celery worker whose pool children end in a given way, and returns what the shared state counted.

By hand, with the worker's options between: ``python tests/runtime/celery_runs.py WAY... [--runs N] --redis URL``.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from celery import Celery
from fleet_counts import counted

import hydrochat_otel

APPLICATION = """
import os, time
from pathlib import Path
from celery import Celery
import hydrochat_otel

hydrochat_otel.install(state=os.environ["STATE"], publish_interval_s=30, instrument_gemini=False)
app = Celery(broker=os.environ["BROKER"])
app.conf.update(
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_default_queue=os.environ["QUEUE"],
)

@app.task
def turn(directory, number, seconds):
    with hydrochat_otel.track_response_time("turn"):
        time.sleep(seconds)
    # Each execution is a line of its own: a task that the broker delivers twice has two.
    with Path(directory, f"{number}.done").open("a") as file:
        file.write(f"{os.getpid()}\\n")
"""
ENDS_WITHIN_S = 90.0
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=warning")


@dataclass(frozen=True)
class Way:
    """How the pool's children end.

    Attributes:
        options: Of the worker's command line.
        end: What is done to the worker after the tasks, before its shutdown; given its process's id.
        number: The signal that shuts it down.
        seconds: What each task takes.
        environ: More of the environment.
    """

    options: tuple[str, ...] = ("--pool=prefork", "-c2")
    end: Callable[["Run"], None] = lambda _: None
    number: int = signal.SIGTERM
    seconds: float = 0.01
    environ: tuple[tuple[str, str], ...] = ()


class Run:
    """One worker with a queue, a node name, a state and a directory of its own.

    The queue's name is new in each run, so tasks that an interrupted run left on the broker do not reach this one.
    """

    def __init__(self, directory: Path, broker: str, way: Way) -> None:
        self.directory = directory
        self.broker = broker
        self.way = way
        (directory / "done").mkdir(parents=True)
        (directory / "application.py").write_text(APPLICATION)
        self.state = f"sqlite:///{directory}/state.db"
        self.queue = f"turns-{uuid.uuid4().hex}"
        self.node = f"{self.queue}@here"
        self.environ = {
            **os.environ,
            **dict(way.environ),
            "STATE": self.state,
            "BROKER": broker,
            "QUEUE": self.queue,
            "PYTHONPATH": f"{directory}:{Path(hydrochat_otel.__file__).parent.parent}",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "celery", "-A", "application", *words]

    def send(self, tasks: int) -> None:
        """Put the tasks into the queue."""
        with Celery(broker=self.broker) as app:
            for number in range(tasks):
                arguments = (str(self.directory / "done"), number, self.way.seconds)
                app.send_task("application.turn", arguments, queue=self.queue)

    def wait_for(self, condition: Callable[[], object], within_s: float = 100) -> None:
        """Wait until the condition holds, as long as the worker runs."""
        end_s = time.monotonic() + within_s
        while not condition():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < end_s, self.output()
            time.sleep(0.05)

    def done(self) -> list[Path]:
        return list((self.directory / "done").glob("*.done"))

    def executions(self) -> list[int]:
        """Return the id of the process of each execution of a task."""
        return [int(line) for file in self.done() for line in file.read_text().splitlines()]

    def children(self) -> list[int]:
        """Return the ids of the worker's processes."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def output(self) -> str:
        return (self.directory / "output.log").read_text(errors="replace")

    def result(self, tasks: int) -> tuple[int, int, str]:
        """Run the worker, end it, and return how many tasks were executed, how many counted, and what it printed."""
        self.send(tasks)
        with (self.directory / "output.log").open("wb") as log:
            self.process = subprocess.Popen(
                self.command("worker", "-n", self.node, *ALONE, *self.way.options),
                env=self.environ,
                cwd=self.directory,
                stdout=log,
                stderr=log,
            )
            try:
                self.wait_for(lambda: len(self.done()) == tasks)
                self.way.end(self)
                self.process.send_signal(self.way.number)
                self.process.wait(ENDS_WITHIN_S)
            finally:
                self.process.kill()
                self.process.wait()
        return len(self.executions()), counted(self.state), self.output()


def _terminate_children(run: Run) -> None:
    # A child that has not worked yet may still have the parent's handlers, which ignore the signal in a child.
    have_worked = set(run.executions())
    for pid in have_worked:
        os.kill(pid, signal.SIGTERM)
    run.wait_for(lambda: not have_worked & set(run.children()))


def _shrink(run: Run) -> None:
    before = set(run.children())
    subprocess.run(
        run.command("control", "-d", run.node, "pool_shrink", "1"),
        env=run.environ,
        cwd=run.directory,
        check=True,
        capture_output=True,
    )
    run.wait_for(lambda: before - set(run.children()))


def _wait_until_scaled_down(run: Run) -> None:
    run.wait_for(lambda: len(run.children()) == 1)


PREFORK = ("--pool=prefork", "-c2")
WAYS = {
    "max_tasks": Way((*PREFORK, "--max-tasks-per-child=1")),
    "max_memory": Way((*PREFORK, "--max-memory-per-child=1")),
    "warm": Way(PREFORK),
    "cold": Way(PREFORK, number=signal.SIGQUIT),
    "terminated": Way(PREFORK, end=_terminate_children),
    "shrunk": Way(PREFORK, end=_shrink),
    "autoscale": Way(
        ("--pool=prefork", "--autoscale=4,1"), end=_wait_until_scaled_down, seconds=0.2,
        environ=(("AUTOSCALE_KEEPALIVE", "1"),),
    ),
    "threads": Way(("--pool=threads", "-c4")),
    "solo": Way(("--pool=solo",)),
    "gevent": Way(("--pool=gevent", "-c4")),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ways", nargs="*", default=list(WAYS))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--redis", required=True)
    given = parser.parse_args()
    for way in given.ways:
        counts, executions, began_s = [], [], time.monotonic()
        for _ in range(given.runs):
            with tempfile.TemporaryDirectory() as directory:
                executed, count, output = Run(Path(directory) / "run", given.redis, WAYS[way]).result(given.tasks)
                executions.append(executed)
                counts.append(count)
                if "Traceback" in output or count != executed:
                    print(output[-3000:])
        print(f"{way:12} executed {executions} counted {counts} in {time.monotonic() - began_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
