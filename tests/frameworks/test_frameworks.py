"""Frameworks on google-genai, each in a virtual environment of its own: everything is counted and nothing changes."""

import os

import pytest
from frameworks import comparing

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("HYDROCHAT_TEST_FRAMEWORKS"),
        reason="makes virtual environments of frameworks: set HYDROCHAT_TEST_FRAMEWORKS=1; "
        "`python -m tests.frameworks` runs the rarer ones, too",
    ),
    pytest.mark.timeout(1200),
]


@pytest.mark.parametrize("name", comparing.IN_CI)
def test_everything_is_counted_and_nothing_changes(name, tmp_path):
    """Ledger, export and /metrics agree, each call is below its caller, and results are unchanged."""
    assert comparing.disagreements(comparing.report_of(name, tmp_path)) == []
