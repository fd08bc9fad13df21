"""Promises of :mod:`hydrochat_otel.auto.process_role`: one line for each way to start something."""

import os
import subprocess
import sys

import pytest
from running_command import eventually

from hydrochat_otel.auto.process_role import Program, Role, command_line, is_spawned, parent_command_line, read, role

SERVES, FORKS, SILENT, ABSENT = Role.SERVES, Role.FORKS, Role.SILENT, Role.ABSENT

TABLE = {
    "python app.py": SERVES,
    "python -u -X dev -W error app.py --workers 4": SERVES,
    "python -m app.worker": SERVES,
    "python -um app": SERVES,
    "python mydirectory/__main__.py": SERVES,
    "python /usr/bin/waitress-serve app:wsgi": SERVES,
    "python /usr/bin/daphne app.asgi:application": SERVES,
    "python": SILENT,
    "python -": SILENT,
    "python -q -i": SILENT,
    "python -i app.py": SILENT,
    "python -Ic print()": SILENT,
    "python -c print()": SILENT,
    # Django
    "python manage.py runserver": ABSENT,
    "RUN_MAIN=true python manage.py runserver 0:8000": SERVES,
    "python manage.py runserver --noreload": SERVES,
    "python -m django runserver --noreload": SERVES,
    "python /usr/bin/django-admin runserver": ABSENT,
    "python manage.py runserver_plus": ABSENT,
    "WERKZEUG_RUN_MAIN=true python manage.py runserver_plus": SERVES,
    "python manage.py testserver data.json": SERVES,
    "python manage.py db_worker": SERVES,
    "python manage.py": SILENT,
    "python manage.py migrate": SILENT,
    "python manage.py shell -c runserver": SILENT,
    "python -Wd manage.py check": SILENT,
    # application servers
    "python /usr/bin/gunicorn app:wsgi": FORKS,
    "python -m gunicorn --preload app:wsgi": FORKS,
    "python -m gunicorn.app.wsgiapp app:wsgi": FORKS,
    "python /usr/bin/uvicorn app:asgi": SERVES,
    "python /usr/bin/uvicorn --workers 1 app:asgi": SERVES,
    "python /usr/bin/uvicorn app:asgi --workers 2": ABSENT,
    "python -m uvicorn app:asgi --workers=2": ABSENT,
    "python /usr/bin/uvicorn app:asgi --reload": ABSENT,
    "WEB_CONCURRENCY=4 python /usr/bin/uvicorn app:asgi": ABSENT,
    "WEB_CONCURRENCY=4 python /usr/bin/uvicorn app:asgi --workers 1": SERVES,
    "UVICORN_RELOAD=1 python /usr/bin/uvicorn app:asgi": ABSENT,
    "WEB_CONCURRENCY=many python /usr/bin/uvicorn app:asgi": SERVES,
    "python /usr/bin/fastapi dev": ABSENT,
    "python /usr/bin/fastapi dev --no-reload": SERVES,
    "python /usr/bin/fastapi run app.py": SERVES,
    "python /usr/bin/fastapi run --workers 2": ABSENT,
    "python /usr/bin/fastapi deploy": SILENT,
    "python /usr/bin/granian --interface wsgi app:wsgi": ABSENT,
    "python -m granian app:asgi": ABSENT,
    "python /usr/bin/hypercorn app:asgi": ABSENT,
    "python /usr/bin/hypercorn -w 0 app:asgi": SERVES,
    "python -m flask run": SERVES,
    "python -m flask --app run shell": SILENT,
    "python -m flask --app app --debug run": ABSENT,
    "WERKZEUG_RUN_MAIN=true python -m flask --app app --debug run": SERVES,
    "FLASK_DEBUG=1 python -m flask run": ABSENT,
    "FLASK_DEBUG=1 python -m flask run --no-reload": SERVES,
    # workers of queues
    "python /usr/bin/celery -A app worker": FORKS,
    "python -m celery -A worker worker -c 4": FORKS,
    "python /usr/bin/celery -A app worker --pool solo": SERVES,
    "python /usr/bin/celery -A app worker -Pthreads": SERVES,
    "python /usr/bin/celery --app=app worker --pool=gevent": SERVES,
    "python /usr/bin/celery -A app beat": SILENT,
    "python /usr/bin/celery -A worker inspect active": SILENT,
    # not services
    "python -m IPython": SILENT,
    "python /usr/bin/jupyter-lab": SILENT,
    "python -m ipykernel_launcher -f kernel.json": SILENT,
    "python -m pytest": SILENT,
    "python /usr/bin/py.test": SILENT,
    "python -m unittest": SILENT,
    "python -m pip install django": ABSENT,
    "python /usr/bin/pip3.11 list": ABSENT,
    "python -m hydrochat_otel serve": ABSENT,
    "python /usr/bin/hydrochat-otel run -- app": ABSENT,
    "python /usr/bin/opentelemetry-instrument python app.py": ABSENT,
    # programs that run other programs
    "python -m cProfile -o out app.py": SERVES,
    "python -m coverage run manage.py runserver --noreload": SERVES,
    "python -m coverage run -m pytest": SILENT,
    "python -m coverage report": SILENT,
    "python -m debugpy --listen 5678 manage.py runserver": ABSENT,
}


@pytest.mark.parametrize("line", TABLE)
def test_the_role_of_a_command_line(line):
    """Every way to start a program has the role that fits its processes."""
    words = line.split()
    environ = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environ[name] = value
    assert role(words, environ) is TABLE[line]


SPAWN = ("python", "-B", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()", "--multiprocessing-fork")


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ("python /usr/bin/uvicorn app:asgi --workers 2", SERVES),
        ("python /usr/bin/hypercorn app:asgi", SERVES),
        ("", SERVES),
        ("python app.py", SILENT),
        ("python manage.py shell", SILENT),
        ("python /usr/bin/gunicorn app:wsgi", SILENT),
    ],
)
def test_the_role_of_a_spawned_process_depends_on_its_parent(parent, expected):
    """A server's worker is a service of its own, and a worker of an application's pool is not."""
    assert role(SPAWN, {}, parent_argv=parent.split()) is expected


def test_internal_processes_of_multiprocessing():
    """Its resource tracker is not instrumented, its fork server and a pool below a worker open no port."""
    tracker = role(("python", "-c", "from multiprocessing.resource_tracker import main;main(5)"), {})
    server = role(("python", "-c", "from multiprocessing.forkserver import main; main(5, 6, [])"), {})
    assert (tracker, server, role(SPAWN, {}, parent_argv=SPAWN)) == (ABSENT, SILENT, SILENT)


def test_options_of_the_interpreter_are_read_as_it_reads_them():
    """Values of -W and -X, joined letters and long options are not taken for the program."""
    assert read(["python", "-bWonce", "--check-hash-based-pycs", "never", "-X", "faulthandler", "-Es", "a/b.py", "-m"]) == Program("b", ("-m",))  # fmt: skip  # noqa: E501


def test_the_parents_command_line_is_read_where_it_matters():
    """Only a process that multiprocessing spawned reads its parent's command line; that of an ended parent is empty."""
    code = "import sys; print(sys.orig_argv[1:])"
    with subprocess.Popen([sys.executable, "-c", "input()", "word"], stdin=subprocess.PIPE) as child:
        words = eventually(lambda: command_line(child.pid), "the program has its command line")
        child.communicate(b"\n")
    gone = child.pid
    assert (words[1:], command_line(gone)) == (["-c", "input()", "word"], [])
    assert (is_spawned(SPAWN), parent_command_line(["python", "-c", code])) == (True, [])
    assert parent_command_line(SPAWN) == command_line(os.getppid())
