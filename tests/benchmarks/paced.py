"""What tracked calls cost the process at the rates of real services, with our thread that drains once a second."""

import time
from collections.abc import Callable, Iterator

from benchmarks import operations
from benchmarks.contestants import costs
from benchmarks.measuring import Row, Way
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

RATES = (20, 100, 500)
_BATCH_S = 3
_TARGET = 0.55


def contestant(way: str) -> dict[str, Way]:
    """Return the cases of a way, one for each rate, in the process that calls this.

    Nothing collects: scrapes are far apart beside calls, and have rows of their own.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    if way == "ours":
        call = operations.ours(provider, with_thread=True).call
    elif way == "by hand":
        meter = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("peer")
        call = operations.by_hand(provider.get_tracer("peer"), meter)
    else:
        call = operations.empty
    return {f"{rate}/s": Way(_paced(call, rate)) for rate in RATES}


def _paced(call: Callable[[], object], rate: int) -> Callable[[], object]:
    def next_one() -> None:
        time.sleep(1 / rate)
        call()

    return next_one


def rows(*, rounds: int = 3) -> Iterator[Row]:
    """Yield every row."""
    sizes = {f"{rate}/s": rate * _BATCH_S for rate in RATES}
    found = costs("paced", ["bare", "ours", "by hand"], sizes, bare="bare", rounds=rounds)
    for case, of_case in found.items():
        yield Row(f"tracked call, {case}, CPU", "by hand", of_case["ours"].cpu_us, of_case["by hand"].cpu_us, _TARGET)
