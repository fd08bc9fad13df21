"""Hosts: real servers in processes of their own, over frozen numbers."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import require_program

from hydrochat_otel.pipeline.assembly import Pipeline

sys.path.append(str(Path(__file__).parent / "project"))

import frozen
from ports import free_port
from servers import PROJECT, Host, running


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A database with a staff account, a superuser, an ordinary one and one that is staff but not active."""
    path = tmp_path_factory.mktemp("django") / "db.sqlite3"
    script = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
for name, flags in {"staff": {"is_staff": True}, "boss": {"is_superuser": True}, "member": {}}.items():
    User.objects.create_user(name, password="of the tests", **flags)
User.objects.create_user("gone", password="of the tests", is_staff=True, is_active=False)
"""
    environ = {**os.environ, "PYTHONPATH": str(PROJECT), "DJANGO_SETTINGS_MODULE": "django_settings"}
    subprocess.run([sys.executable, "-c", script], env={**environ, "TEST_DATABASE": str(path)}, check=True)
    return path


COMMANDS = {
    "standalone": ("-m", "hydrochat_otel", "serve", "--port", "PORT", "plain_hosts"),
    "live": ("-m", "hydrochat_otel", "serve", "--port", "PORT", "live:work"),
    "waitress": ("-m", "waitress", "--listen=127.0.0.1:PORT", "plain_hosts:wsgi"),
    "gunicorn": ("-m", "gunicorn", "-b", "127.0.0.1:PORT", "--threads", "8", "plain_hosts:wsgi"),
    "uvicorn": ("-m", "uvicorn", "--port", "PORT", "plain_hosts:asgi"),
    "starlette": ("-m", "uvicorn", "--port", "PORT", "plain_hosts:mounted"),
    "django-runserver": ("manage.py", "runserver", "--noreload", "127.0.0.1:PORT"),
    "django-gunicorn": ("-m", "gunicorn", "-b", "127.0.0.1:PORT", "--threads", "8", "django_hosts:wsgi"),
    "django-uvicorn": ("-m", "uvicorn", "--port", "PORT", "django_hosts:asgi"),
}
PREFIXES = {
    "starlette": "/inner/telemetry",
    "django-runserver": "/hydrochat/telemetry",
    "django-gunicorn": "/hydrochat/telemetry",
    "django-uvicorn": "/hydrochat/telemetry",
}


@pytest.fixture(scope="session")
def hosts(database):
    """Start a host by name, once for all tests."""
    with contextlib.ExitStack() as stack:
        started = {}

        def start(name):
            if name not in started:
                host = running(*COMMANDS[name], prefix=PREFIXES.get(name, ""), TEST_DATABASE=str(database),
                               HYDROCHAT_METRICS_TOKEN=frozen.TOKEN, HYDROCHAT_INSTRUMENT_GEMINI="0")  # fmt: skip
                started[name] = stack.enter_context(host)
            return started[name]

        yield start


FROZEN = [name for name in COMMANDS if name != "live"]


@pytest.fixture(params=FROZEN)
def host(request, hosts):
    return hosts(request.param)


@pytest.fixture
def frozen_here(installed, monkeypatch):
    """This process shows the same frozen numbers as the hosts."""
    monkeypatch.setattr(Pipeline, "snapshot", lambda _: frozen.SNAPSHOT)
    monkeypatch.setattr(Pipeline, "metrics", lambda _: frozen.SNAPSHOT.metrics())
    return installed


@pytest.fixture(scope="session")
def prometheus(hosts, tmp_path_factory):
    """Start hosts by name and a Prometheus that scrapes them with the token in a file; return them and its address."""
    program = require_program("prometheus", "prometheus")
    with contextlib.ExitStack() as stack:
        started = {}

        def start(*names):
            if names not in started:
                directory = tmp_path_factory.mktemp("prometheus")
                (directory / "token").write_text(frozen.TOKEN)
                jobs = [
                    {
                        "job_name": name,
                        "metrics_path": f"{hosts(name).prefix}/metrics",
                        "authorization": {"credentials_file": str(directory / "token")},
                        "static_configs": [{"targets": [f"127.0.0.1:{hosts(name).port}"]}],
                    }
                    for name in names
                ]
                configuration = {
                    "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
                    "scrape_configs": jobs,
                }
                (directory / "prometheus.yml").write_text(json.dumps(configuration))
                port = free_port()
                child = subprocess.Popen(
                    [program, f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
                     f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
                )  # fmt: skip
                stack.callback(child.wait)
                stack.callback(child.terminate)
                wait_until_ready(port)
                started[names] = f"http://127.0.0.1:{port}"
            return (*(hosts(name) for name in names), started[names])

        yield start


def wait_until_ready(port):
    deadline_s = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError):
            if Host(port).ask("/-/ready").status == 200:
                return
        assert time.monotonic() < deadline_s, f"nothing is ready on {port}"
        time.sleep(0.05)
