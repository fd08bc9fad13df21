"""Promise of the fault table; :mod:`tests.faults.table` says what a cell is, and `python -m tests.faults` prints it."""

import logging

import pytest
from faults import table
from faults.parts import PARTS

pytestmark = pytest.mark.thorough


def test_the_table_has_at_least_150_cells():
    """Each of the parts fails in each of the ways."""
    assert len(PARTS) * len(table.KINDS) >= 150


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", table.KINDS)
def test_every_cell_holds(nothing_installed, tmp_path, caplog, kind):
    """Each fault is reached, counted once, logged once, and costs the host and the other books nothing."""
    caplog.set_level(logging.CRITICAL + 1, "opentelemetry")  # the SDK logs each of its own faults with its trace
    cells = table.table(tmp_path, (kind,))
    assert {cell: found for cell, found in cells.items() if found != "held"} == {}
