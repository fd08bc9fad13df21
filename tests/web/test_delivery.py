"""Promises of :mod:`hydrochat_otel.web.delivery`."""

import gzip

from hydrochat_otel.web import Request, paths, respond


def ask(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return respond(Request("GET", f"{paths.STATIC_PREFIX}page.js", headers=named))


def test_a_strong_tag_names_one_sequence_of_bytes():
    """A compressed file has another tag than the plain one, and each is answered with 304 by its own tag only."""
    plain, packed = ask(), ask(accept_encoding="gzip")
    tags = [plain.header("ETag"), packed.header("ETag")]
    assert (len(set(tags)), plain.body) == (2, gzip.decompress(packed.body))
    for accepted, statuses in (({}, [304, 200]), ({"accept_encoding": "gzip"}, [200, 304])):
        assert [ask(if_none_match=tag, **accepted).status for tag in tags] == statuses
    both = ask(if_none_match=", ".join(tags), accept_encoding="gzip")
    assert (both.status, both.header("ETag")) == (304, tags[1])
