"""Real programs of every kind, started without a line of code for us."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
