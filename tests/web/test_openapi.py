"""Promises of the OpenAPI description."""

import json
import subprocess
import sys

import frozen
import pytest

from hydrochat_otel import web
from hydrochat_otel.web import openapi


def test_every_endpoint_that_is_data_is_described():
    """Each endpoint except page and sign-in is in the description, and no other."""
    described = set(json.loads(openapi.render())["paths"])
    assert described == set(web.ROUTES) - {web.PAGE_PATH, web.SIGN_IN_PATH, web.SIGN_OUT_PATH}


@pytest.mark.timeout(600)  # the number of requests is fixed, whatever a busy machine needs for them
def test_schemathesis_finds_no_failure(hosts, tmp_path):
    """Generated requests, good and bad, get what the description promises: status, type, shape, and access."""
    host = hosts("standalone")
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{host.url}{web.OPENAPI_PATH}", "--url", host.url,
         "--header", f"Authorization: Bearer {frozen.TOKEN}", "--checks", "all", "--max-examples", "30", "--seed", "17",
         "--generation-database", "none", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
