"""Real Redis servers on loopback: one server, one with a replica, one with a Sentinel, or a cluster of one node."""

import signal
import socket
import subprocess
import time

import redis
from ports import free_port

READY_WITHIN_S = 30.0
MASTER = "wounds"


class RedisServer:
    """A server that is started, stopped, killed and restarted on the same port, with the same options.

    Args:
        program: Path of `redis-server`.
        directory: Directory of its files; made if it does not exist.
        options: Of the command line, in pairs of name and value; nothing is saved unless they say so.
        tls: Options with certificates; the address is then that of a second port, which speaks TLS.
        config: Lines of a configuration file, which Sentinels must have.
    """

    topology = ""
    path = "/0"

    def __init__(self, program, directory, *options, tls=(), config=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = self.public_port = free_port()
        if tls:
            self.public_port = free_port()
            options = (*options, "--tls-port", str(self.public_port), *tls)
        self.url = f"redi{'ss' if tls else 's'}{self.topology}://127.0.0.1:{self.public_port}{self.path}"
        command = [program]
        if config is not None:
            (directory / "redis.conf").write_text(config)
            command.append(str(directory / "redis.conf"))
        common = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory))
        self._command = [*command, *common, *("--save", "", "--appendonly", "no"), *options]
        self._process = None

    def start(self):
        """Start it and wait until it answers, even with an error."""
        with (self.directory / "output.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end_s = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, (self.directory / "output.log").read_text()
            assert time.monotonic() < end_s, (self.directory / "output.log").read_text()
            time.sleep(0.01)
        return self

    def stop(self):
        """Stop it as an operator does; it saves what its options say. A second call does nothing."""
        self._end(signal.SIGTERM)

    def kill(self):
        """Kill it at once."""
        self._end(signal.SIGKILL)

    def restart(self):
        """Stop and start it."""
        self.stop()
        return self.start()

    def await_loaded(self):
        """Wait until it has read its data; until then it answers with an error."""
        with self.client() as client:
            end_s = time.monotonic() + READY_WITHIN_S
            while True:
                try:
                    client.ping()
                except redis.BusyLoadingError:
                    assert time.monotonic() < end_s
                    time.sleep(0.01)
                else:
                    return

    def pause(self):
        """Suspend it: the system accepts connections, and no answer comes."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def client(self, **options):
        """Return a client of the test's own."""
        return redis.Redis(port=self.port, protocol=2, socket_timeout=10, **options)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_):
        self.kill()

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-"))
        except OSError:
            return False

    def _end(self, number):
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            if number != signal.SIGKILL:
                process.send_signal(signal.SIGCONT)
            process.wait(READY_WITHIN_S)


class ClusterServer(RedisServer):
    """A Redis Cluster of one node, which has all slots."""

    topology = "+cluster"
    path = ""

    def __init__(self, program, directory, *options, **more):
        bus = ("--cluster-port", str(free_port()), "--tls-cluster", "yes" if more.get("tls") else "no")
        super().__init__(program, directory, "--cluster-enabled", "yes", *bus, *options, **more)

    def start(self):
        super().start()
        with self.client() as client:
            if client.execute_command("CLUSTER INFO")["cluster_slots_assigned"] == "0":
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            end_s = time.monotonic() + READY_WITHIN_S
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < end_s
                time.sleep(0.01)
        return self


class SentinelServer(RedisServer):
    """A Sentinel that watches one master, and needs no other Sentinel to agree."""

    topology = "+sentinel"
    path = f"/{MASTER}"

    def __init__(self, program, directory, *options, master, **more):
        lines = [f"sentinel monitor {MASTER} 127.0.0.1 {master.public_port} 1"]
        lines += [f"sentinel {what} {MASTER} 300" for what in ("down-after-milliseconds", "failover-timeout")]
        replication = ("--tls-replication", "yes" if more.get("tls") else "no")
        super().__init__(program, directory, "--sentinel", *replication, *options, config="\n".join(lines), **more)
