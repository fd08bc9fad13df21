"""The growth curves can be measured and drawn at any time."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

_TESTS = Path(__file__).parent
_PANELS = 4


def test_the_curves_are_measured_and_drawn(tmp_path):
    """The short form draws every panel, and prints positive points of every curve."""
    drawing = tmp_path / "growth.svg"
    command = [sys.executable, "-m", "benchmarks.curves", "--short", "--out", drawing]
    ran = subprocess.run(command, cwd=_TESTS, capture_output=True, text=True, check=True, timeout=120)
    lines = ran.stdout.splitlines()
    assert len({line.partition(",")[0] for line in lines}) == _PANELS
    values = [float(point.partition(": ")[2]) for line in lines for point in line.partition("): ")[2].split(", ")]
    assert len(values) >= 2 * len(lines)
    assert min(values) > 0
    assert ET.parse(drawing).getroot().tag.endswith("svg")
