"""The processes of the long run: started, looked at from outside, asked over HTTP, ended and killed."""

import http.client
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from stack.servers import free_port

WORKER = Path(__file__).with_name("worker.py")
TOKEN = "token-of-the-tests-1234"
READY_WITHIN_S = 300.0
END_WITHIN_S = 60.0


@dataclass(frozen=True)
class Sample:
    """What the system says of one process: seconds of the run, bytes, threads and descriptors."""

    at_s: float
    memory: int
    threads: int
    descriptors: int


class Process:
    """One worker."""

    def __init__(self, number, folder, emulator, state):
        self.number = number
        self.port = free_port()
        self.truth = folder / f"truth-{number}"
        self.log = folder / f"log-{number}"
        self.samples = []
        self.killed_unix_s = None
        command = [sys.executable, str(WORKER), str(self.port), emulator, state, str(self.truth)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait_until_ready(self):
        deadline_s = time.monotonic() + READY_WITHIN_S
        while self.get("/healthz")[0] != 200:
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline_s, self.log.read_text()
            time.sleep(0.05)
        return self

    def get(self, path):
        """Return status and body of a GET with the token; 0 if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException):
                return 0, b""

    def totals(self):
        """Return the sum of each sample name of `/metrics`."""
        status, body = self.get("/metrics")
        assert status == 200, (status, body[:500])
        sums = {}
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums

    def look(self, at_s):
        """Take a sample of the process."""
        proc = Path(f"/proc/{self._process.pid}")
        fields = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
        memory = int(fields["VmRSS"].split()[0]) * 1024
        self.samples.append(Sample(at_s, memory, int(fields["Threads"]), len(list((proc / "fd").iterdir()))))

    def rest(self):
        self._process.send_signal(signal.SIGUSR1)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self.killed_unix_s = time.time()

    def end(self):
        """End it as an operator does; return its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def done(self, *, since_unix_s=0.0):
        """Return how many operations it wrote down, or those of the time since."""
        if not self.truth.exists():
            return 0
        lines = self.truth.read_text().splitlines()
        return sum(float(line.split()[0]) >= since_unix_s for line in lines if line.count(" ") == 1)
