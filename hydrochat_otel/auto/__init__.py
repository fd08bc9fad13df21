"""Start-up without code: what ``opentelemetry-instrument`` and ``hydrochat-otel run`` call before the program starts.

:mod:`start` installs the pipeline and opens the endpoints, :mod:`process_role` decides what kind of process this is,
:mod:`deferred_start` defers start-up from a supervisor to its workers; :mod:`distro` and :mod:`instrumentor` are the
other entry points, which need opentelemetry-instrumentation.
"""

from typing import Final

NAME: Final = "hydrochat"
"""Our name among distros, configurators, instrumentations and exporters."""

STOCK_DISTRO: Final = "distro"
"""Name of the distro of the package opentelemetry-distro."""

RUN_PID: Final = "_HYDROCHAT_RUN_PID"
"""Variable that ``run`` sets to its process id: the command keeps the id, and its children see the variable."""


def pre_instrument() -> None:
    """Start what this process needs; the entry point of the same name. Never raises."""
    # Imported here: `run` needs the names above and must start the program without the SDK.
    from hydrochat_otel.auto import start  # noqa: PLC0415

    start.pre_instrument()
