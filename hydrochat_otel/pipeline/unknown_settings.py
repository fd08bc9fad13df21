"""Finds variables with our prefix that are not settings: a misspelt one would otherwise be ignored silently."""

from collections.abc import Mapping
from typing import Final

from hydrochat_otel.settings import Settings

PREFIX: Final = "HYDROCHAT_"

_OF_COMMANDS: Final = ("HYDROCHAT_RUN_", "HYDROCHAT_DOCTOR_", "HYDROCHAT_TEST_")
_CUTOFF: Final = 0.75
"""Required similarity of two names, from 0 to 1; the prefix alone makes any two fairly similar."""


def unknown(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return each variable with our prefix that is not a setting, and the setting with the nearest name."""
    known = {rule.variable for rule, _ in Settings.rules().values()}
    found = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return {name: _nearest(name, known) for name in found if not name.startswith(_OF_COMMANDS)}


def sentences(environ: Mapping[str, str]) -> list[str]:
    """Return a log sentence for each of them."""
    return [
        f"{name[:100]} is not a setting and is ignored" + (f"; did you mean {nearest}?" if nearest else ".")
        for name, nearest in unknown(environ).items()
    ]


def _nearest(name: str, known: set[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - needed after a mistake only

    return next(iter(get_close_matches(name, known, 1, _CUTOFF)), None)
