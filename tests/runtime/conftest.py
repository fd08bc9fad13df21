"""Lets the tests of this room import the programs that they run."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
