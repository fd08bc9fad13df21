"""Decides what a process does: serve, fork workers, start other programs, or none of these.

``sitecustomize`` runs before ``sys.argv`` is set, so this reads the command line of the interpreter.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Final


class Role(Enum):
    """What is installed in the process, and which process opens the port."""

    SERVES = "measures and opens the port itself; its forked children only measure"
    FORKS = "measures; the processes that it forks open the port"
    SILENT = "measures and opens no port: a command, a shell, a worker of a pool"
    ABSENT = "is not instrumented: a supervisor or a tool; its children decide for themselves"


@dataclass(frozen=True, slots=True)
class Program:
    """What a Python interpreter runs.

    Attributes:
        name: A script's file name without ending, or a module's first name, in lower case; empty if there is none.
        arguments: The program's own arguments.
        code: The text after ``-c``.
        interactive: Whether ``-i`` keeps the interpreter open.
    """

    name: str = ""
    arguments: tuple[str, ...] = ()
    code: str = ""
    interactive: bool = False

    def command(self, *valued: str) -> str:
        """Return the first argument that is neither an option nor the value of one of the `valued` options."""
        words = iter(self.arguments)
        for word in words:
            if word in valued:
                next(words, None)
            elif not word.startswith("-"):
                return word
        return ""

    def has(self, *switches: str) -> bool:
        """Return whether one of the switches is given."""
        return not self._given.isdisjoint(switches)

    def value(self, *options: str) -> str | None:
        """Return the last value of an option: ``--name value``, ``--name=value``, ``-n value`` or ``-nvalue``."""
        found = None
        for word, following in zip(self.arguments, (*self.arguments[1:], ""), strict=True):
            for option in options:
                if word == option:
                    found = following
                elif word.startswith(f"{option}=" if option.startswith("--") else option):
                    found = word.removeprefix(option).removeprefix("=")
        return found

    @property
    def _given(self) -> frozenset[str]:
        return frozenset(self.arguments)


def role(argv: Sequence[str], environ: Mapping[str, str], *, parent_argv: Sequence[str] = ()) -> Role:
    """Return the role of a process.

    Args:
        argv: All words of its command line, the interpreter first, as in ``sys.orig_argv``.
        environ: Its environment.
        parent_argv: The same of the process that started it; empty when unknown.
    """
    program = read(argv)
    if program.interactive:
        return Role.SILENT
    if program.code:
        return _role_of_code(program, environ, parent_argv)
    name = re.sub(r"[\d.]+$", "", program.name)
    if name in _WRAPPERS:
        wrapped = _wrapped(program.arguments)
        return role([argv[0], *wrapped], environ) if wrapped else Role.SILENT
    rule = _RULES.get(name, Role.SERVES if name else Role.SILENT)
    return rule if isinstance(rule, Role) else rule(program, environ)


def is_spawned(argv: Sequence[str]) -> bool:
    """Return whether :mod:`multiprocessing` started the process in a new interpreter."""
    return "--multiprocessing-fork" in argv


def command_line(pid: int) -> list[str]:
    """Return all words of a running process's command line; empty if the system does not provide it."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
    return words[:-1]


# -- the interpreter's own options ----------------------------------------------------------------------------------


def read(argv: Sequence[str]) -> Program:
    """Return what an interpreter runs."""
    interactive = False
    words = iter(argv[1:])
    for word in words:
        if not word.startswith("-") or word == "-":
            return Program(_name_of_script(word), tuple(words), interactive=interactive)
        if word.startswith("--"):
            if word == "--check-hash-based-pycs":
                next(words, None)
            continue
        for position, letter in enumerate(word[1:], start=2):
            if letter == "i":
                interactive = True
            if letter in "cmWX":
                value = word[position:] or next(words, "")
                if letter == "c":
                    return Program(code=value, arguments=tuple(words), interactive=interactive)
                if letter == "m":
                    return Program(value.partition(".")[0].lower(), tuple(words), interactive=interactive)
                break
    return Program(interactive=interactive)


def _name_of_script(word: str) -> str:
    path = PurePath(word)
    if path.stem == "__main__":
        path = path.parent
    return "" if word == "-" else path.stem.lower()


def _wrapped(words: Sequence[str]) -> Sequence[str]:
    """Return what a profiler or debugger runs, starting at its script or ``-m``."""
    for position, word in enumerate(words):
        if word == "-m" or word.endswith(".py"):
            return words[position:]
    return ()


# -- roles of programs ----------------------------------------------------------------------------------------------


def _role_of_code(program: Program, environ: Mapping[str, str], parent_argv: Sequence[str]) -> Role:
    if is_spawned(program.arguments):
        # A server's worker is a service of its own; a pool's worker belongs to a process that has the port already.
        parent = read(parent_argv)
        of_server = not parent_argv or (not parent.code and role(parent_argv, environ) is Role.ABSENT)
        return Role.SERVES if of_server else Role.SILENT
    return Role.ABSENT if "multiprocessing.resource_tracker" in program.code else Role.SILENT


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in {"1", "true", "t", "yes", "y", "on"}


def _several(*counts: str | None) -> bool:
    """Return whether the first given count is above one."""
    given = next((count for count in counts if count), "1")
    return given.isdecimal() and int(given) > 1


def _django(program: Program, environ: Mapping[str, str]) -> Role:
    command = program.arguments[0] if program.arguments else ""
    if command in {"runserver", "runserver_plus", "runsslserver"}:
        supervises = not program.has("--noreload", "--help", "-h") and not _is_reloaded(environ)
        return Role.ABSENT if supervises else Role.SERVES
    return Role.SERVES if command in _DJANGO_SERVICES else Role.SILENT


def _is_reloaded(environ: Mapping[str, str]) -> bool:
    return "true" in {environ.get("RUN_MAIN"), environ.get("WERKZEUG_RUN_MAIN")}


def _uvicorn(program: Program, environ: Mapping[str, str]) -> Role:
    reloads = program.has("--reload") or _is_true(environ.get("UVICORN_RELOAD"))
    workers = program.value("--workers"), environ.get("UVICORN_WORKERS"), environ.get("WEB_CONCURRENCY")
    return Role.ABSENT if reloads or _several(*workers) else Role.SERVES


def _fastapi(program: Program, environ: Mapping[str, str]) -> Role:
    command = program.command()
    if command not in {"dev", "run"}:
        return Role.SILENT
    reloads = program.has("--reload") or (command == "dev" and not program.has("--no-reload"))
    several = _several(program.value("--workers"), environ.get("WEB_CONCURRENCY"))
    return Role.ABSENT if reloads or several else Role.SERVES


def _hypercorn(program: Program, _: Mapping[str, str]) -> Role:
    return Role.SERVES if program.value("--workers", "-w") == "0" else Role.ABSENT


def _flask(program: Program, environ: Mapping[str, str]) -> Role:
    if program.command("-A", "--app", "-e", "--env-file") != "run":
        return Role.SILENT
    debugs = program.has("--debug") or (_is_true(environ.get("FLASK_DEBUG")) and not program.has("--no-debug"))
    reloads = (debugs or program.has("--reload")) and not program.has("--no-reload")
    return Role.ABSENT if reloads and not _is_reloaded(environ) else Role.SERVES


def _celery(program: Program, _: Mapping[str, str]) -> Role:
    options = ("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir")
    if program.command(*options) != "worker":
        return Role.SILENT
    pool = program.value("-P", "--pool") or "prefork"
    return Role.FORKS if pool in {"prefork", "processes"} else Role.SERVES


_Rule = Role | Callable[[Program, Mapping[str, str]], Role]


def _rules() -> Iterator[tuple[str, _Rule]]:
    yield from dict.fromkeys(("manage", "django-admin", "django"), _django).items()
    yield from (("uvicorn", _uvicorn), ("fastapi", _fastapi), ("hypercorn", _hypercorn), ("flask", _flask))
    yield from (("celery", _celery), ("gunicorn", Role.FORKS), ("granian", Role.ABSENT))
    shells = ("ipython", "ipykernel", "ipykernel_launcher", "jupyter", "jupyter-lab", "jupyter-notebook", "bpython",
              "ptpython", "idlelib", "code", "pdb", "pydoc")  # fmt: skip
    tests = ("pytest", "py", "unittest", "doctest", "tox", "nox")
    yield from dict.fromkeys((*shells, *tests), Role.SILENT).items()
    ours = ("hydrochat-otel", "hydrochat_otel", "opentelemetry-instrument", "opentelemetry-bootstrap")
    tools = ("pip", "pipx", "poetry", "pdm", "uv", "ensurepip", "venv", "virtualenv", "compileall", "gunicornc")
    yield from dict.fromkeys((*ours, *tools), Role.ABSENT).items()


_RULES: Final[Mapping[str, _Rule]] = dict(_rules())
_WRAPPERS: Final = frozenset({"cprofile", "profile", "coverage", "debugpy", "trace"})
_DJANGO_SERVICES: Final = frozenset({"testserver", "runworker", "db_worker", "rqworker", "run_huey"})


def parent_command_line(argv: Sequence[str]) -> list[str]:
    """Return the command line of this process's parent if the role depends on it."""
    return command_line(os.getppid()) if is_spawned(argv) else []
