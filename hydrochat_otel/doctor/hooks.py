"""Checks of the hooks: the results of the synthetic calls of :mod:`synthetic`."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hydrochat_otel.doctor.findings import Check, Finding, Level, Subject

REPORT: Final = "synthetic"
_WITHIN_S: Final = 120.0
_SHOWN: Final = 6


def measure(environ: Mapping[str, str]) -> dict[str, Any]:
    """Make the synthetic calls in a separate process; an entry ``failed`` says why there is no result."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hydrochat_otel.doctor.synthetic"],
            env=dict(environ),
            capture_output=True,
            check=False,
            timeout=_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"failed": type(error).__name__}
    try:
        found = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        return {"failed": last[-1][:200] if last else f"exit code {done.returncode}"}
    return found if isinstance(found, dict) else {"failed": "no report"}


def synthetic_calls(subject: Subject) -> Iterator[Finding]:
    """Report for each hook whether its call was counted, once and to the token."""
    report = subject.reports.get(REPORT)
    if report is None:
        return
    if "failed" in report:
        yield Finding("hooks", Level.PROBLEM, f"The synthetic calls failed: {report['failed']}.", "Fix that first.")
        return
    tracked = report["operations"] >= 1
    yield Finding(
        "hook-operations",
        Level.OK if tracked else Level.PROBLEM,
        "A tracked operation is in the window." if tracked else "A tracked operation is not in the window.",
        "" if tracked else "Look in the log for what hydrochat_otel could not install.",
    )
    if report["genai"] is None:
        yield Finding("hook-gemini", Level.NOTE, "google-genai is not installed: there are no calls to count.")
        return
    wrong = [f"{name} ({found})" for name, found in report["calls"].items() if found != 1]
    if wrong or not report["active"]:
        yield Finding(
            "hook-gemini",
            Level.PROBLEM,
            f"google-genai {report['genai']}: not counted exactly once: {', '.join(wrong) or 'nothing is counted'}.",
            "Install a supported version of google-genai, and unset HYDROCHAT_INSTRUMENT_GEMINI=0 if it is set.",
        )
    else:
        names = ", ".join(report["calls"])
        yield Finding("hook-gemini", Level.OK, f"google-genai {report['genai']}: {names} are each counted once.")
    billed, counted = report["billed_tokens"], report["counted_tokens"]
    yield Finding(
        "hook-ledger",
        Level.OK if billed == counted else Level.PROBLEM,
        f"{counted} tokens counted, {billed} billed by the emulated Gemini.",
        "" if billed == counted else "Report it with the versions above.",
    )


def uncovered(subject: Subject) -> Iterator[Finding]:
    """Name functions of the installed SDK that may cost money and that no patch covers."""
    found = (subject.reports.get(REPORT) or {}).get("uncovered")
    if found is None:
        return
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield Finding(
            "uncovered",
            Level.NOTE,
            f"The SDK sends requests that are not counted from {', '.join(found[:_SHOWN])}{more}.",
            "Compare with the bill (`hydrochat-otel reconcile`) if the service uses them.",
        )
    else:
        yield Finding("uncovered", Level.OK, "Every function of the SDK that may cost money is covered.")


def exemplars(subject: Subject) -> Iterator[Finding]:
    """Report whether a metric leads to a trace."""
    on = (subject.reports.get(REPORT) or {}).get("exemplars")
    if on is None:
        return
    cure = "" if on else "Unset OTEL_METRICS_EXEMPLAR_FILTER and OTEL_TRACES_SAMPLER, or sample some traces."
    sentence = "Metrics carry exemplars." if on else "Metrics carry no exemplars: no panel leads to a trace."
    yield Finding("exemplars", Level.OK if on else Level.WARNING, sentence, cure)


def fast_ways(subject: Subject) -> Iterator[Finding]:
    """Report which fast paths are in use and which fell back to the public API."""
    report = (subject.reports.get(REPORT) or {}).get("fast_ways")
    if not report:
        return
    fallen = [f"{name} ({state})" for name, state in dict(report).items() if state not in {"in use", True}]
    if fallen:
        yield Finding(
            "fast-ways",
            Level.NOTE,
            f"Slower than possible, but as exact: {', '.join(fallen)}.",
            "Install a version of opentelemetry-sdk that this version was tested with.",
        )
    else:
        yield Finding("fast-ways", Level.OK, "All fast paths are in use.")


CHECKS: Final[tuple[Check, ...]] = (synthetic_calls, uncovered, exemplars, fast_ways)
