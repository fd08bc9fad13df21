"""Promises of the standalone server whatever is sent; longer by ``python -m tests.fuzz requests``."""

import logging

from fuzz.conversations import CORPUS, run

from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.server import Server


def test_no_request_breaks_the_server(installed, caplog):
    """Of thousands of broken requests none gets a 5xx, none fails inside, none is logged, and scrapes go on."""
    caplog.set_level(logging.WARNING)
    with Server("127.0.0.1", 0) as server:
        outcome = run(server.port, 2, 1)
    assert outcome.broken == []
    assert failures.counts() == {}
    assert caplog.records == []
    assert outcome.executions > 20


def test_the_corpus_exists():
    """The conversations that once did harm are kept and replayed."""
    assert len(list(CORPUS.iterdir())) >= 8
