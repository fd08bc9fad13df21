"""Finds the functions of the SDK that are wrapped, and checks that the installed version's are the known ones."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.patch_points import (
    PACKAGE,
    PATCH_POINTS,
    PatchPoint,
    embedding_points,
)
from hydrochat_otel.instrumentation.gemini.wrappers import Function

LATE: Final = (
    f"{PACKAGE}._gaos.interactions",
    f"{PACKAGE}._gaos.decisions",
    f"{PACKAGE}._gaos.voices",
    f"{PACKAGE}._interactions_websocket",
)
"""Modules that the SDK imports on first use only; their functions are wrapped then."""


class IncompatibleSdkError(RuntimeError):
    """The installed SDK does not have the known functions; the message names the first that differs."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch point that was found: the class, the name and the original function."""

    owner: Any
    name: str
    original: Function
    point: PatchPoint


def find_patches(load: Callable[[str], ModuleType], standing: Container[tuple[Any, str]] = ()) -> list[Patch]:
    """Return every function to be wrapped.

    Args:
        load: Returns a module of the SDK by its full name, or raises ImportError.
        standing: Class and name of functions that are wrapped already, below another library's wrapper.

    Raises:
        IncompatibleSdkError: A required function is missing or differs.
    """
    points = (*PATCH_POINTS, *embedding_points(load))
    return [patch for point in points if (patch := _find(point, load, standing)) is not None]


def uncovered(load: Callable[[str], ModuleType], standing: Container[tuple[Any, str]]) -> list[str]:
    """Return the functions of the installed SDK that are not the known ones, so that they are not counted."""
    names = []
    for point in PATCH_POINTS:
        owner, original = _function_of(point, load)
        if original is None or (owner, point.name) in standing or point.fits(original):
            continue
        names.append(f"{point.owner}.{point.name}".lstrip("."))
    return names


def _find(point: PatchPoint, load: Callable[[str], ModuleType], standing: Container[tuple[Any, str]]) -> Patch | None:
    owner, original = _function_of(point, load)
    if (owner, point.name) in standing:
        return None
    if original is not None and point.fits(original):
        return Patch(owner, point.name, original, point)
    if point.required:
        raise IncompatibleSdkError(f"{PACKAGE}.{point.module}.{point.owner}.{point.name} is not the known function")
    return None


def _function_of(point: PatchPoint, load: Callable[[str], ModuleType]) -> tuple[Any, Any]:
    """Return the class (or module) of a patch point and the function; both None if this version does not have it."""
    try:
        module = load(f"{PACKAGE}.{point.module}")
        owner = getattr(module, point.owner) if point.owner else module
        return owner, vars(owner)[point.name]
    except (ImportError, AttributeError, KeyError):
        return None, None
