"""A real Prometheus scrapes every host with the token in a file."""

import json
import time
from urllib.parse import urlencode

import pytest
from servers import Host

HOSTS = [
    "standalone",
    "waitress",
    "gunicorn",
    "uvicorn",
    "starlette",
    "django-runserver",
    "django-gunicorn",
    "django-uvicorn",
]


@pytest.mark.real
@pytest.mark.timeout(600)  # it starts eight hosts, and ends them
def test_prometheus_scrapes_every_host(prometheus, frozen_here):
    """Each target is up with `authorization.credentials_file`, and Prometheus holds the numbers that the host shows."""
    *_, url = prometheus(*HOSTS)
    server = Host(int(url.rpartition(":")[2]))

    def values(promql):
        found = json.loads(server.ask("/api/v1/query", query=urlencode({"query": promql})).body)["data"]["result"]
        return {series["metric"]["job"]: series["value"][1] for series in found}

    # On a loaded machine one scrape may be late, which ends the series until the next one: each is waited for.
    for promql, value in {
        "up": "1",
        "hydrochat_operation_duration_seconds_count": "16",
        "sum by (job) (hydrochat_llm_tokens_total)": "500",
    }.items():
        deadline_s = time.monotonic() + 60
        while (found := values(promql)) != dict.fromkeys(HOSTS, value):
            if time.monotonic() > deadline_s:
                targets = json.loads(server.ask("/api/v1/targets").body)["data"]["activeTargets"]
                pytest.fail(f"{promql}: {found}, { ({one['labels']['job']: one['lastError'] for one in targets}) }")
            time.sleep(0.2)
