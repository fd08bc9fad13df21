"""Promise of the fault table; :mod:`tests.faults.table` describes a cell."""

import pytest
from faults import table


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_every_cell_holds(install):
    """With each of at least 150 faults the host does not notice, and counting continues."""
    cells = table.table(install(max_entries=100_000))
    print(table.text(cells))
    assert {cell: found for cell, found in cells.items() if found != "held"} == {}
    assert len(cells) >= 150
