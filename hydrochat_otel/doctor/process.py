"""Checks of a command's own process: what is installed in it, and what else traces there."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from hydrochat_otel.doctor.findings import Check, Finding, Level, Subject
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.runtime import forks
from hydrochat_otel.runtime.forks import Phase

REPORT: Final = "process"
FILE: Final = "_HYDROCHAT_DOCTOR_FILE"
"""Variable with the path where the examined process leaves its report."""

_GENAI: Final = "google.genai"
_QUIET_S: Final = 2.0
"""A program that has imported nothing for so long has settled."""
_AT_LATEST_S: Final = 30.0
"""A process reports by then even if an import never ends, for instance one that runs a server."""
_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.05


def report_soon(environ: Mapping[str, str], facts: Mapping[str, Any], *, in_forks: bool = False) -> None:
    """Let this process leave a report, if one is asked for, once it has settled or when it ends before that.

    Args:
        environ: Names the file of the report; nothing happens without one.
        facts: What the caller adds to the report.
        in_forks: Whether the processes that are forked from this one do the work, so that the first of them reports;
            this one reports only if none does.
    """
    if not environ.get(FILE):
        return
    file = Path(environ[FILE])
    if in_forks:
        forks.register(Phase.THREADS, in_child=lambda: _watch(file, facts, _AT_LATEST_S))
        _watch(file, facts, _AT_LATEST_S, quiet_s=_AT_LATEST_S)
    else:
        _watch(file, facts, _AT_LATEST_S)


def _watch(file: Path, facts: Mapping[str, Any], at_latest_s: float, *, quiet_s: float = _QUIET_S) -> None:
    pid = os.getpid()

    def leave() -> None:
        if os.getpid() == pid and not file.exists():
            with contextlib.suppress(OSError):
                fresh = file.with_name(f"{file.name}.{pid}")
                fresh.write_text(json.dumps(_report(facts), default=str), encoding="utf-8")
                fresh.replace(file)

    def leave_when_settled() -> None:
        latest_s = time.monotonic() + at_latest_s
        modules, since_s = 0, time.monotonic()
        while (now_s := time.monotonic()) < latest_s:
            # Looked at before the time is: a machine under load may let this thread sleep for longer than the quiet.
            if len(sys.modules) != modules or _is_importing():
                modules, since_s = len(sys.modules), now_s
            elif now_s >= since_s + quiet_s:
                break
            time.sleep(_POLL_S)
        leave()

    threading.Thread(target=leave_when_settled, name="hydrochat-doctor", daemon=True).start()
    atexit.register(leave)


def _report(facts: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"pid": os.getpid(), "genai": _GENAI in sys.modules, **facts}
    try:
        running = pipeline.current()
    except PipelineError as error:
        return found | {"installed": False, "reason": str(error)}
    return found | {
        "installed": True,
        "active": running.instrumentor.active,
        "pushes_to": running.pushes_to(),
        "tracer_provider": _name(running.tracer_provider),
        "meter_provider": _name(running.meter_provider),
        "processors": _processors(running.tracer_provider),
    }


def _is_importing() -> bool:
    """Return whether any import is under way: ``site``'s until the program begins, then the program's own."""
    specs = [vars(module).get("__spec__") for module in tuple(sys.modules.values()) if type(module) is ModuleType]
    return any(getattr(spec, "_initializing", False) for spec in specs)


def _name(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _processors(provider: object) -> list[str]:
    several = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    return [_name(one) for one in several if not type(one).__module__.startswith("hydrochat_otel")]


def start(environ: Mapping[str, str], command: list[str]) -> dict[str, Any]:
    """Run the command until it has left a report or has ended, and end it; ``failed`` says why there is no report."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "report.json"
        child = subprocess.Popen(  # noqa: S603 - the operator's own command
            [sys.executable, "-m", "hydrochat_otel", "run", "--", *command],
            env={**environ, FILE: str(file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline_s = time.monotonic() + _WITHIN_S
        while not file.exists() and child.poll() is None and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        ended = child.poll()
        if ended is None:
            child.terminate()
        try:
            said = child.communicate(timeout=10)[1].decode(errors="replace").strip().splitlines()
        except subprocess.TimeoutExpired:
            child.kill()
            said = child.communicate()[1].decode(errors="replace").strip().splitlines()
        if file.exists():
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return found
    reason = said[-1][:200] if said and ended else "it said nothing"
    return {"failed": reason, "ended": ended}


def installed(subject: Subject) -> Iterator[Finding]:
    """Report whether the pipeline is installed in the process."""
    found = subject.reports[REPORT]
    if "failed" in found:
        yield Finding(
            "command",
            Level.PROBLEM,
            f"The command left no report (exit code {found['ended']}: {found['failed']}).",
            "Check that it is a Python program, runs without hydrochat_otel, and OTEL_SDK_DISABLED is not set.",
        )
    elif not found["installed"]:
        yield Finding(
            "command", Level.PROBLEM, f"The pipeline is not installed in it: {found['reason']}", "Read its log."
        )
    else:
        yield Finding("command", Level.OK, f"The pipeline is installed in it; its role: {found['role']}.")
        address = found["opens_port"]
        sentence = "It opens the port." if address else "It opens no port itself."
        yield Finding("command-port", Level.OK if address else Level.NOTE, sentence)


def gemini(subject: Subject) -> Iterator[Finding]:
    """Report whether Gemini is counted in the process."""
    found = subject.reports[REPORT]
    if not found.get("installed"):
        return
    if not found["genai"]:
        yield Finding("command-gemini", Level.NOTE, "It has not imported google-genai so far.")
    elif found["active"]:
        yield Finding("command-gemini", Level.OK, "Its calls to Gemini are counted.")
    else:
        yield Finding(
            "command-gemini",
            Level.PROBLEM,
            "It has imported google-genai, and its calls are not counted.",
            "Check HYDROCHAT_INSTRUMENT_GEMINI and OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, and the version.",
        )


def providers(subject: Subject) -> Iterator[Finding]:
    """Say which providers are joined, what else traces, and whether metrics are pushed as well as scraped."""
    found = subject.reports[REPORT]
    if not found.get("installed"):
        return
    others = ", ".join(found["processors"]) or "no other span processor"
    sentence = f"Joined {found['tracer_provider']} and {found['meter_provider']}; beside us: {others}."
    yield Finding("command-providers", Level.OK, sentence)
    if found["pushes_to"] and found["opens_port"]:
        yield Finding(
            "command-exporters",
            Level.WARNING,
            f"Its metrics are pushed by {found['pushes_to']} and can be scraped: one store of both counts twice.",
            "Keep one: HYDROCHAT_SERVE=never for pushing, OTEL_METRICS_EXPORTER=hydrochat for scraping.",
        )


CHECKS: Final[tuple[Check, ...]] = (installed, gemini, providers)
