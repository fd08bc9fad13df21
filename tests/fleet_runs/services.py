"""Real application servers with several workers, and their events: a kill, a reload, a restart."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from stack.servers import Program, eventually

PROJECT: Final = Path(__file__).parent / "project"
TOKEN: Final = "token-of-the-fleet-1234"
KEEP_ALIVE_S: Final = 15
RELOADED_WITHIN_S: Final = 45.0
STOPPED_WITHIN_S: Final = 20.0

Server = Literal["gunicorn", "uvicorn", "granian", "granian-wsgi"]


@dataclass(frozen=True)
class Setup:
    """How the application is served, and the plugin's settings.

    Attributes:
        server: Which server.
        workers: How many processes.
        preload: Whether gunicorn imports the application before it forks.
        plugin: Whether the application uses the plugin at all.
        state: `HYDROCHAT_STATE`; None leaves it unset.
        publish_interval_s: `HYDROCHAT_PUBLISH_INTERVAL`.
    """

    server: Server
    workers: int
    preload: bool = False
    plugin: bool = True
    state: str | None = None
    publish_interval_s: float = 1.0

    def command(self, port: int) -> tuple[str, ...]:
        workers = str(self.workers)
        if self.server == "gunicorn":
            return (
                *("gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", workers, "--worker-class", "gthread"),
                *("--threads", "4", "--keep-alive", str(KEEP_ALIVE_S), "--no-control-socket", "--chdir", str(PROJECT)),
                *(("--preload",) if self.preload else ()),
                "fleet_wsgi:app",
            )
        if self.server == "uvicorn":
            return (
                *("uvicorn", "--port", str(port), "--workers", workers, "--timeout-keep-alive", str(KEEP_ALIVE_S)),
                # It keeps the old worker if the new one is not ready in time; a loaded machine takes a while.
                *("--timeout-worker-healthcheck", str(int(RELOADED_WITHIN_S))),
                *("--app-dir", str(PROJECT), "--no-access-log", "fleet_asgi:app"),
            )
        interface = "wsgi" if self.server == "granian-wsgi" else "asgi"
        return (
            *("granian", "--interface", interface, "--port", str(port), "--workers", workers),
            *(("--blocking-threads", "4") if interface == "wsgi" else ()),
            *("--respawn-failed-workers", "--working-dir", str(PROJECT), f"fleet_{interface}:app"),
        )

    def environment(self, emulator_url: str) -> Mapping[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HYDROCHAT_", "METRICS_", "GEMINI_", "GOOGLE_", "LLM_", "OTEL_"))
        }
        return {
            **inherited,
            "PYTHONPATH": os.pathsep.join([str(PROJECT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
            "PYTHONUNBUFFERED": "1",
            "PLUGIN": str(int(self.plugin)),
            "EMULATOR_URL": emulator_url,
            "HYDROCHAT_METRICS_TOKEN": TOKEN,
            "HYDROCHAT_PUBLISH_INTERVAL": str(self.publish_interval_s),
            **({} if self.state is None else {"HYDROCHAT_STATE": self.state}),
        }


class Service(Program):
    """A server with its workers, until the `with` ends; it may be entered again, as a service is restarted."""

    def __init__(self, directory: Path, setup: Setup, emulator_url: str, port: int) -> None:
        self.setup = setup
        self.port = port
        self._starts = 0
        super().__init__(
            directory,
            sys.executable,
            "-m",
            *setup.command(port),
            ready_url=f"http://127.0.0.1:{port}/pid",
            **setup.environment(emulator_url),
        )

    def __enter__(self) -> Self:
        self._starts += 1
        self._log = self._log.with_name(f"output-{self._starts}.log")
        super().__enter__()
        try:
            eventually(lambda: len(self.worker_pids()) == self.setup.workers, "all workers run")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop gracefully; a service that does not end is killed with its workers, and that is a fault."""
        if self._process.poll() is not None:
            return
        workers = self.worker_pids()
        self._process.terminate()
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            for pid in {*workers, *self.worker_pids(), self._process.pid}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            raise AssertionError(f"{self.setup.server} did not stop:\n{self.output()}") from None

    def worker_pids(self) -> frozenset[int]:
        """Return the processes of the running workers."""
        return frozenset(pid for pid in _children(self._process.pid) if "resource_tracker" not in _command_line(pid))

    def cpu_s(self) -> float:
        """Return the processor time that the server and the running workers have used so far."""
        ticks = 0
        for pid in (self._process.pid, *self.worker_pids()):
            user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self, pid: int) -> float:
        """Kill a worker at once, as a machine out of memory does; return when, by the monotonic clock."""
        os.kill(pid, signal.SIGKILL)
        at_s = time.monotonic()
        eventually(
            lambda: pid not in self.worker_pids() and len(self.worker_pids()) == self.setup.workers,
            f"{self.setup.server} replaces its worker",
            RELOADED_WITHIN_S,
        )
        return at_s

    def reload(self) -> None:
        """Replace all workers gracefully, and return when the last old one has gone."""
        old = self.worker_pids()
        self._process.send_signal(signal.SIGHUP)
        eventually(
            lambda: not old & self.worker_pids() and len(self.worker_pids()) == self.setup.workers,
            f"{self.setup.server} replaces its workers",
            RELOADED_WITHIN_S,
        )

    def restart(self) -> None:
        """Stop the whole service and start it again on the same port."""
        self.__exit__()
        self.__enter__()


def _children(pid: int) -> list[int]:
    children = []
    for directory in Path("/proc").iterdir():
        # A process may end while its files are read.
        with contextlib.suppress(OSError, ValueError):
            state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                children.append(int(directory.name))
    return children


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""
