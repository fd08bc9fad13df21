"""Puts the programs of this folder on the import path of its tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
