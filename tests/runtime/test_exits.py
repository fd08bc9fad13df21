"""Promises about processes that exit in an orderly way of their own: their last measurements are published."""

import os
import subprocess
import sys

import pytest
from celery_runs import WAYS, Run
from conftest import require_program
from fleet.redis_servers import RedisServer
from fleet_counts import counted

TASKS = 6
JOBS = """
import hydrochat_otel

def turn(number):
    with hydrochat_otel.track_response_time("turn"):
        pass
"""
RQ = """
import os, sys
import hydrochat_otel
from redis import Redis
from rq import Queue
from rq.worker import SpawnWorker, Worker
import jobs

connection = Redis.from_url(os.environ["BROKER"])
hydrochat_otel.install(state=os.environ["STATE"], publish_interval_s=30, instrument_gemini=False)
queue = Queue(connection=connection)
for number in range(int(sys.argv[1])):
    queue.enqueue(jobs.turn, number)
Worker([queue], connection=connection).work(burst=True)
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The address of a Redis server of this module's own."""
    with RedisServer(require_program("redis-server", "redis-server"), tmp_path_factory.mktemp("broker")) as server:
        yield server.url


@pytest.mark.real
@pytest.mark.parametrize("way", ["max_tasks", "gevent"])
def test_no_task_of_a_celery_worker_is_lost(broker, tmp_path, way):
    """Whichever way the processes of the pool end, all tasks are counted, and nothing of ours writes a traceback."""
    executed, count, output = Run(tmp_path / "run", broker, WAYS[way]).result(TASKS)
    assert (executed, count) == (TASKS, TASKS)
    assert "Traceback" not in output


@pytest.mark.real
def test_no_job_of_an_rq_worker_is_lost(broker, tmp_path):
    """The process of each job, which runs no exit handler, publishes before it ends."""
    (tmp_path / "jobs.py").write_text(JOBS)
    state = f"sqlite:///{tmp_path}/state.db"
    environ = {
        **os.environ,
        "BROKER": broker,
        "STATE": state,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", RQ, str(TASKS)], env=environ, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert counted(state) == TASKS


GREEN = """
from gevent import monkey
monkey.patch_all()
import gevent, hydrochat_otel
hydrochat_otel.install(instrument_gemini=False, state="memory")
with hydrochat_otel.track_response_time("turn"):
    gevent.sleep(0)
"""


def test_a_process_that_gevent_patched_ends_in_silence():
    """Nothing of ours writes a line when an interpreter exits whose threads and locals are gevent's."""
    done = subprocess.run([sys.executable, "-c", GREEN], capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
