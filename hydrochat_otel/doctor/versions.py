"""Checks of installed versions: against the ranges that this package declares, and which others instrument Gemini."""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Final

from hydrochat_otel.doctor.findings import Finding, Level, Subject

PACKAGE: Final = "hydrochat-otel"
_EMITTERS: Final = {
    "google-adk": "emits gen_ai.client.* itself",
    "pydantic-ai": "emits gen_ai.client.* after instrument_all()",
    "pydantic-ai-slim": "emits gen_ai.client.* after instrument_all()",
    "traceloop-sdk": "emits gen_ai.client.* itself",
    "opentelemetry-instrumentation-google-generativeai": "emits gen_ai.client.* itself",
    "opentelemetry-instrumentation-google-genai": "makes a second span for each call unless ours comes first",
    "openinference-instrumentation-google-genai": "makes spans of its own for each call",
    "logfire": "sets global providers of its own",
}


def versions(_: Subject) -> Iterator[Finding]:
    """Compare what is installed with what is declared."""
    outside = [
        f"{name} {installed} (needs {wanted})"
        for name, wanted in _requirements()
        if (installed := _installed(name)) is not None and not satisfies(installed, wanted)
    ]
    if outside:
        yield Finding(
            "versions", Level.PROBLEM, f"Not supported: {', '.join(outside)}.", "Install a supported version."
        )
    else:
        shown = ", ".join(
            f"{name} {_installed(name)}" for name in (PACKAGE, "google-genai", "opentelemetry-sdk", "genai-prices")
        )
        python = ".".join(map(str, sys.version_info[:3]))
        yield Finding("versions", Level.OK, f"Python {python}, {shown}: all in the supported range.")


def other_telemetry(_: Subject) -> Iterator[Finding]:
    """Name installed packages that also trace Gemini or write into the shared metric families."""
    there = [f"{name} ({what})" for name, what in _EMITTERS.items() if _installed(name) is not None]
    if there:
        yield Finding(
            "other-telemetry",
            Level.NOTE,
            f"Also installed: {'; '.join(there)}.",
            "Our dashboards, page and rules read hydrochat.* only; do not add both sources up in your own panels.",
        )
    else:
        yield Finding("other-telemetry", Level.OK, "No other package that instruments Gemini is installed.")


def satisfies(version: str, wanted: str) -> bool:
    """Return whether a version fulfils comma-separated conditions such as ``>=1.41,<4``."""
    for condition in filter(None, wanted.split(",")):
        match = re.fullmatch(r"\s*(>=|<=|==|!=|<|>|~=)\s*([\w.]+?)(?:\.\*)?\s*", condition)
        if match is None:
            continue
        operator, bound = match[1], match[2]
        here, there = _key(version), _key(bound)
        holds = {
            ">=": here >= there,
            "<=": here <= there,
            "==": here == there,
            "!=": here != there,
            "<": here < there,
            ">": here > there,
            "~=": here >= there,
        }[operator]
        if not holds:
            return False
    return True


def _key(version: str) -> tuple[tuple[int, int], ...]:
    """Return a sort key of versions: numbers, where a pre-release comes before the release."""
    parts = re.findall(r"\d+|[a-z]+", version.lower().partition("+")[0])
    key = [(0, int(part)) if part.isdecimal() else (-1, 0) for part in parts]
    while key and key[-1] == (0, 0):
        key.pop()
    return (*key, (0, 0))


def _requirements() -> Iterable[tuple[str, str]]:
    for line in metadata.requires(PACKAGE) or ():
        requirement, _, marker = line.partition(";")
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(.*)", requirement.strip())
        if match and "'test'" not in marker and '"test"' not in marker and "dev" not in marker:
            yield match[1], match[2].strip()


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
