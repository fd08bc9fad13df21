"""Promises of ``hydrochat-otel run`` and of the entry points, on the real servers."""

import json
import os
import signal

import pytest
from conftest import TOKEN
from running_command import eventually, get, listeners, service, threads

SERVERS = {
    "gunicorn": ("gunicorn", "--workers", "2", "--bind", "127.0.0.1:PORT", "plain:wsgi"),
    "uvicorn": ("uvicorn", "--workers", "2", "--port", "PORT", "plain:asgi"),
    "granian": ("granian", "--workers", "2", "--respawn-failed-workers", "--interface", "wsgi", "--port", "PORT",
                "plain:wsgi"),
}  # fmt: skip
SITE = {"DJANGO_SETTINGS_MODULE": "django_site"}
"""OpenTelemetry's own Django instrumentation, if it is installed, configures empty settings unless some are named."""


@pytest.mark.parametrize("server", SERVERS)
def test_one_worker_answers_for_all_and_another_takes_its_place(tmp_path, server):
    """Of two workers one opens the port, never their parent; if killed, another one opens it with all numbers."""
    with service(tmp_path, *SERVERS[server]) as running:
        running.turns(20)
        first = running.holder()
        assert first != running.child.pid
        eventually(lambda: running.operations() == {"turn": 20}, "every operation of both workers is counted")
        assert running.exported()["metrics_count"] == 20
        os.kill(first, signal.SIGKILL)
        eventually(lambda: listeners(running.own_port) - {first}, "another worker has the port")
        assert running.holder() not in {first, running.child.pid}
        eventually(lambda: running.operations() == {"turn": 20}, "nothing that was published is lost")
        if server == "granian":  # a worker that it is just starting misses the signal, and it waits for that worker
            eventually(lambda: len(running.turns(8)) == 2, "the new worker answers")
        running.child.terminate()
        assert running.child.wait(20) == 0


def test_django_with_its_reloader(tmp_path):
    """Under runserver the process that serves opens the port, and the reloader above it is not instrumented."""
    with service(tmp_path, "python", "manage.py", "runserver", "PORT", **SITE) as running:
        assert running.turns(3) == {running.holder()}
        assert running.holder() != running.child.pid
        assert threads(running.child.pid) == 1
        eventually(lambda: running.operations() == {"turn": 3}, "every operation is counted")
        assert running.output.count("threads: []") == 1


def test_the_settings_of_a_django_project_win(tmp_path):
    """The project's settings apply on both ports, although the pipeline was installed before they were read."""
    own, environ = "token-of-the-settings-5678", {"DJANGO_SETTINGS_MODULE": "own_settings"}
    with service(tmp_path, "python", "manage.py", "runserver", "--noreload", "PORT", **environ) as running:
        running.turns(3)
        running.holder()
        path = "/api/hydrochat/metrics/export/"
        for port in (running.port, running.own_port):
            assert get(port, path, TOKEN)[0] == 401
            exported = json.loads(get(port, path, own)[1])
            assert exported["retention_policy"]["max_entries"] == 7
            assert exported["performance_metrics"]["metrics_count"] == 3
        assert "Already installed" not in running.output


@pytest.mark.parametrize("command", [("check",), ("migrate",), ("shell", "-c", "pass")])
def test_management_commands_open_no_port(tmp_path, command):
    """A management command is measured, and opens no port."""
    with service(tmp_path, "python", "manage.py", *command, **SITE) as running:
        assert running.child.wait(40) == 0
        found = next(line for line in running.output.splitlines() if line.startswith("threads: "))
    assert "hydrochat-otel-drain" in found
    assert "hydrochat-otel-port" not in found


def test_a_plain_script(tmp_path):
    """A script is measured while it runs, with its endpoints; its exit code is kept and the port closes at its end."""
    with service(tmp_path, "python", "script.py") as running:
        assert running.holder() == running.child.pid
        eventually(lambda: running.operations() == {"turn": 1}, "the turn is counted")
        running.child.stdin.close()
        assert running.child.wait(20) == 0
        assert listeners(running.own_port) == set()


def test_metrics_that_are_pushed_are_not_served(tmp_path):
    """If metrics go to an exporter, no port is opened, and the script runs as usual."""
    with service(tmp_path, "python", "script.py", OTEL_METRICS_EXPORTER="console") as running:
        eventually(lambda: "ready" in running.output, "the script runs")
        assert listeners(running.own_port) == set()
