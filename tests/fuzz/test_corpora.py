"""Promise of the fuzz targets: what once did harm, and a second of new inputs, break nothing.

Longer by ``python -m tests.fuzz --seconds 3600``.
"""

import pytest
from fuzz import runner

SECONDS = 1.0
"""For all targets together."""


@pytest.fixture
def targets(nothing_installed):
    with runner.pipeline():
        yield runner.targets()


def test_no_input_breaks_a_promise(targets):
    """Each target takes its seeds, its corpus and some changed inputs, and breaks no promise."""
    for target in targets:
        outcome = runner.fuzz(target, SECONDS / len(targets), "tests")
        assert outcome.broken == {}, target.name
        assert outcome.executions >= len(target.seeds), target.name


def test_the_corpora_are_replayed(targets):
    """Each kept input is replayed, however short the time is."""
    for target in targets:
        assert {
            name: word for name, data in target.corpus().items() if not (word := target.broken(data)).startswith(" ")
        } == {}
