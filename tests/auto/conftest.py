"""Real programs of every kind, started without a change of their code."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
