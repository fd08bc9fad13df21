"""Chooses the distro; ``opentelemetry-instrument`` imports this module before it starts the program.

It imports all modules of its group of entry points. Without a name it takes the first distro in a directory of the
disk, in no defined order; and the stock distro aborts before any code of ours runs if the exporter that it expects is
not installed. So if only the stock distro is installed beside ours, this sets the name of ours in the environment of
the program.
"""

import os
from collections.abc import MutableMapping

from opentelemetry.util._importlib_metadata import entry_points

from hydrochat_otel.auto import NAME, STOCK_DISTRO


def choose_distro(environ: MutableMapping[str, str]) -> None:
    """Name our distro, unless the user named one or a vendor's is installed, which configures its own exporters."""
    if {entry_point.name for entry_point in entry_points(group="opentelemetry_distro")} == {STOCK_DISTRO, NAME}:
        environ.setdefault("OTEL_PYTHON_DISTRO", NAME)


choose_distro(os.environ)
