"""Promises of the standalone server whatever is sent to it; longer by ``python tests/serve/request_fuzzer.py 3600``."""

import logging

import pytest
from serve.request_fuzzer import CORPUS, run

from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.server import Server


@pytest.mark.parametrize("seed", [1, 2])
def test_no_request_breaks_the_server(installed, caplog, seed):
    """Of thousands of broken requests none gets a 5xx, none fails inside, none is logged, and scrapes continue."""
    caplog.set_level(logging.WARNING)
    with Server("127.0.0.1", 0) as server:
        outcome = run(server.port, 3, seed)
    assert outcome.broken == []
    assert failures.counts() == {}
    assert caplog.records == []
    assert outcome.executions > 50


def test_the_corpus_exists():
    """The conversations that once did harm are kept and replayed."""
    assert len(list(CORPUS.iterdir())) >= 8
