"""Finds the tests that start programs, so that the quick check can leave them out."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parent
COMMON = {str(TESTS / "conftest.py"), __file__}
"""Modules that every test uses, whether it starts programs or not."""


def starts_programs(item):
    """Return whether the test's module, or that of a fixture it uses, can start a program."""
    fixtures = getattr(item, "_fixtureinfo", None)
    definitions = fixtures.name2fixturedefs.values() if fixtures else ()
    modules = {item.module.__name__, *(one.func.__module__ for group in definitions for one in group)}
    return any(_can_start_programs(sys.modules.get(name) or item.module, frozenset()) for name in modules)


def _can_start_programs(module, seen):
    return any(
        one is subprocess or (one.__name__ not in seen and _can_start_programs(one, seen | {module.__name__}))
        for one in _imported(module)
    )


@cache
def _imported(module):
    """Return the modules that the module names: `subprocess`, and modules of these tests."""
    values = vars(module).values()
    names = {getattr(one, "__module__", "") for one in values}
    origins = {
        *(one for one in values if isinstance(one, ModuleType)),
        *(sys.modules.get(name or "") for name in names),
    }
    return [one for one in origins - {None, module} if one is subprocess or _is_of_tests(one)]


def _is_of_tests(module):
    file = getattr(module, "__file__", None) or ""
    return file.startswith(str(TESTS)) and file not in COMMON
