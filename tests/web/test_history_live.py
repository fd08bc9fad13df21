"""Promises of :mod:`hydrochat_otel.views.history` with a real Prometheus."""

import json
import subprocess
import time
from itertools import pairwise

import pytest
from conftest import require_program
from web.asking_history import BEARER, SCHEMA, ask

from hydrochat_otel import web
from hydrochat_otel.views.history.prometheus_api import query


@pytest.mark.real
def test_the_query_is_promql(tmp_path):
    """Promtool finds no fault in the query, with and without matchers."""
    promtool = require_program("promtool", "prometheus")
    for matchers in ("", 'job="chat",env=~"a|b"'):
        rule = {"groups": [{"name": "g", "rules": [{"record": "r", "expr": query(900, matchers)}]}]}
        (tmp_path / "rules.yml").write_text(json.dumps(rule))
        subprocess.run([promtool, "check", "rules", str(tmp_path / "rules.yml")], check=True, capture_output=True)


@pytest.mark.real
@pytest.mark.timeout(300)
def test_the_same_history_from_a_real_prometheus(prometheus, install):
    """What Prometheus scraped of a live worker and what the worker's window holds agree within the estimate."""
    worker, prometheus_url = prometheus("live")
    install(prometheus_url=prometheus_url, prometheus_matchers='job="live"')
    deadline_s = time.monotonic() + 110
    # Prometheus has no rate for a step that is shorter than two scrapes, which are 2 s apart.
    while True:
        status, theirs = ask("window=2m&step=6s")
        assert status == 200
        own = json.loads(worker.ask(web.HISTORY_PATH, BEARER, query="window=2m&step=6s").body)
        SCHEMA.validate(own)
        assert [list(step) for step in own["steps"]] == [list(step) for step in theirs["steps"]]
        # The newest is in progress, and the previous one may miss its last scrape.
        both = {step["start"]: [step] for step in own["steps"][:-2]}
        for step in theirs["steps"][:-2]:
            both.get(step["start"], []).append(step)
        full = [
            pair
            for _, pair in sorted(both.items())
            if len(pair) == 2 and all((step["count"] or 0) > 60 for step in pair)
        ]
        if len(full) >= 3:
            break
        assert time.monotonic() < deadline_s, theirs
        time.sleep(0.5)
    for mine, its in full[1:-1]:
        for name in ("count", "threshold_violations", "errors"):
            assert its[name] == pytest.approx(mine[name], rel=0.35, abs=3), name
        assert its["error_rate"] == pytest.approx(mine["error_rate"], abs=0.05)
        assert its["p50_response_time"] <= 0.005
    assert all(later["start"] > earlier["start"] for earlier, later in pairwise(theirs["steps"]))
