"""The README is short and correct: its commands are those of CI, and its links exist."""

import re

import pytest
from documentation import pages

README = pages.read(pages.README)


def test_it_is_short():
    """The README has at most 150 lines."""
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("ending", ["hydrochat-otel demo", "pytest -n auto"])
def test_each_of_the_two_commands_is_one_line_that_sets_itself_up(ending):
    """Both commands make their own environment, in one line."""
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv") and line.endswith(ending)]
    assert len(lines) == 1


def test_its_links_exist():
    """Each relative link names a file of the source tree."""
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [target for target in targets if not (pages.SOURCE / target).exists()] == []
