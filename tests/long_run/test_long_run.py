"""Promise of a service that runs for long: its memory stays flat, its totals exact, and no answer is unexplained.

A minute with ``HYDROCHAT_TEST_LONG_RUN=1``; half an hour by ``python -m tests.long_run``.
"""

import os

import pytest
from long_run.drawing import drawn
from long_run.run import Run

if os.environ.get("HYDROCHAT_TEST_LONG_RUN") == "1":

    @pytest.mark.alone
    @pytest.mark.timeout(600)
    def test_a_minute_of_faults_kills_and_scrapes(tmp_path):
        """Every status is explained, what was not killed is counted to the unit, and the survivor stays flat."""
        report = Run(tmp_path, 1.0)()
        assert report.broken == []
        assert drawn(report).startswith("<svg")
