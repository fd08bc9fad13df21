"""What ``opentelemetry-instrument`` imports before it starts the program, as everything of its group of entry points.

Without a name it takes the distro that comes first in a directory on the disk, which nobody orders; and the stock one,
where the exporter that it takes for granted is not installed, aborts before anything of ours is called. So where only
the stock distro is beside ours, ours is asked for by name, in the environment of the program that is about to start.
"""

import os
from collections.abc import MutableMapping

from opentelemetry.util._importlib_metadata import entry_points

from hydrochat_otel.auto import NAME, STOCK_DISTRO


def choose_distro(environ: MutableMapping[str, str]) -> None:
    """Name our distro, unless the user named one or a vendor's is installed, which knows its own exporters."""
    if {entry_point.name for entry_point in entry_points(group="opentelemetry_distro")} == {STOCK_DISTRO, NAME}:
        environ.setdefault("OTEL_PYTHON_DISTRO", NAME)


choose_distro(os.environ)
