"""Many scrapers and exporters at once while operations are recorded; the long run is in ``tests/benchmarks``."""

import importlib.util
from pathlib import Path

import pytest

LOAD = Path(__file__).parent.parent / "benchmarks" / "concurrency.py"


@pytest.mark.parametrize("server", ["waitress", "uvicorn"])
def test_every_answer_under_load_is_whole_valid_and_monotonic(server):
    """Scrapes and exports of many clients at once are complete, parse, and no counter falls from one to the next."""
    spec = importlib.util.spec_from_file_location("concurrency", LOAD)
    concurrency = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(concurrency)
    found = concurrency.run(server, clients=16, seconds=3, writers=2)
    assert found["faults"] == []
    assert found["answers"] > 16
    assert found["recorded"] > 0
