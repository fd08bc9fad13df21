"""Translates names, units and attributes of OpenTelemetry into Prometheus names and labels."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from hydrochat_otel.window.snapshot import Attributes

_UNFIT_FOR_METRICS: Final = re.compile(r"[^a-zA-Z0-9:]+")
_UNFIT_FOR_LABELS: Final = re.compile(r"[^a-zA-Z0-9]+")
_ANNOTATION: Final = re.compile(r"\{.*\}")

_UNITS: Final[Mapping[str, str]] = {
    "1": "",
    "%": "percent",
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",  # misspelt by the Collector and all exporters; the correct name would not be found
    "m": "meters",
    "g": "grams",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "Cel": "celsius",
    "Hz": "hertz",
}
_UNITS_PER: Final[Mapping[str, str]] = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}


@lru_cache(maxsize=1024)
def family_name(name: str, unit: str, *, is_counter: bool) -> tuple[str, str]:
    """Return the family's name, with its unit and without `_total`, and the unit, '' for none."""
    name, unit = _sanitised(name, _UNFIT_FOR_METRICS), _unit_word(unit)
    if is_counter:
        name = name.removesuffix("_total") or name
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name}_{unit}"
    return name, unit


def labels(attributes: Attributes, taken: frozenset[str] = frozenset()) -> str:
    """Return the labels of one series without braces, in an order that does not depend on that of the attributes.

    An empty value is left out: Prometheus treats it as no label, so it must be the same series here.

    Args:
        attributes: Those of the point.
        taken: Label names of ours; an attribute with such a name gets the prefix `exported_`, as in Prometheus itself.
    """
    layout = _layout(tuple(attributes), taken)
    if layout.read_all is not None:
        values = layout.read_all(attributes)
        if "" not in values and not _needs_escapes("".join(values)):
            return layout.template % values
    return ",".join([f'{start}{escaped(value)}"' for start, read in layout.labels if (value := read(attributes))])


def escaped(value: str) -> str:
    """Return the value escaped for double quotes."""
    if _needs_escapes(value):
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


def _needs_escapes(value: str) -> bool:
    return "\\" in value or '"' in value or "\n" in value


def _sanitised(name: str, unfit: re.Pattern[str]) -> str:
    if name[:1].isdigit():
        name = f"_{name[1:]}"
    return unfit.sub("_", name) or "_"


def _unit_word(unit: str) -> str:
    """Return the Prometheus word for a UCUM unit; '' for a plain number and for a count of something."""
    unit = _ANNOTATION.sub("", unit)
    if unit in _UNITS:
        return _UNITS[unit]
    over, _, under = (_UNFIT_FOR_METRICS.sub("_", part) for part in unit.partition("/"))
    if not under:
        return _UNFIT_FOR_METRICS.sub("_", unit).strip("_")
    over = _UNITS.get(over, over)
    per = f"per_{_UNITS_PER.get(under, under)}"
    return f"{over}_{per}" if over else per


_Read = Callable[[Attributes], str]


class _Layout(NamedTuple):
    """How labels are written for attributes with the same keys.

    Attributes:
        labels: The beginning of each label, and the function that reads its value.
        template: All labels, with a mark for each value.
        read_all: Reads all values in the order of the template; None if the template does not apply.
    """

    labels: tuple[tuple[str, _Read], ...]
    template: str
    read_all: Callable[[Attributes], tuple[str, ...]] | None


@lru_cache(maxsize=1024)
def _layout(keys: tuple[str, ...], taken: frozenset[str]) -> _Layout:
    """Return the layout of the labels for attributes with these keys.

    Most series of a metric have the same keys, so names are translated once and not with every scrape.
    """
    keys_by_name: dict[str, list[str]] = {}
    for key in sorted(keys):
        name = _sanitised(key, _UNFIT_FOR_LABELS)
        keys_by_name.setdefault(f"exported_{name}" if name in taken else name, []).append(key)
    names = sorted(keys_by_name)
    labels = tuple((f'{name}="', _reader(*keys_by_name[name])) for name in names)
    is_plain = 1 < len(names) == len(keys)
    read_all = itemgetter(*(keys_by_name[name][0] for name in names)) if is_plain else None
    return _Layout(labels, ",".join(f'{name}="%s"' for name in names), read_all)


def _reader(*keys: str) -> _Read:
    """Return the function that reads a label's value; the values of several keys with one name are joined with `;`."""
    read = itemgetter(*keys)
    return read if len(keys) == 1 else lambda attributes: ";".join(read(attributes))
