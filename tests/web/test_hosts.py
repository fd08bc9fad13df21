"""Promises of every host: the same bytes as :func:`hydrochat_otel.web.respond`."""

import re
from urllib.parse import unquote

import pytest
from cases import EXPORT_CASES, SHARED_CASES, SITE_CASES

from hydrochat_otel.web import Request, respond
from hydrochat_otel.web.message import MAX_BODY_BYTES

DJANGO = ["django-runserver", "django-gunicorn", "django-uvicorn"]


def expected(case, prefix=""):
    return respond(
        Request(
            case.method,
            unquote(case.path),
            case.headers,
            case.body if len(case.body) <= MAX_BODY_BYTES else None,
            query=case.query,
            client="t",
            root=prefix,
        )
    )


def differences(host, case, path=None):
    """Return the differences between the host's answer and ours; headers that the host adds do not count."""
    ours, theirs = (
        expected(case, host.prefix),
        host.ask(path or case.path, case.headers, case.method, case.body, case.query),
    )
    found = []
    if not theirs.status == ours.status == case.status:
        found.append(f"status {theirs.status} for {ours.status}, promised {case.status}")
    if theirs.body != ours.body:
        found.append(f"body {theirs.body[:80]} for {ours.body[:80]}")
    for name, promised in ours.headers:
        seen, value = (_without_session(one) for one in (theirs.headers.get(name.lower()), promised))
        # Middleware may add to Vary; and a server may omit the length of an empty body.
        fits = seen is not None and seen.startswith(value) if name == "Vary" else seen == value
        if not fits:
            found.append(f"{name}: {seen} for {value}")
    if "content-encoding" in theirs.headers and not any(name == "Content-Encoding" for name, _ in ours.headers):
        found.append("compressed by the host")
    return [f"{case}: {one}" for one in found]


def _without_session(value):
    """Return a header's value without our cookie's, which differs with each sign-in."""
    return value and re.sub(r"(?<=hydrochat_session=)[0-9a-f.]{90,}", "VALUE", value)


def test_every_case_gets_the_same_bytes(host, frozen_here):
    """Method, path, access, Accept, encoding, If-None-Match, HEAD, bad query, 404, 405: the same everywhere."""
    assert [line for case in SITE_CASES for line in differences(host, case)] == []


@pytest.mark.parametrize("name", DJANGO)
def test_the_well_known_paths_of_a_django_project(hosts, frozen_here, name):
    """Below a Django project's root the export and its neighbours give the same answers."""
    root = type(hosts(name))(hosts(name).port)
    assert [line for case in SHARED_CASES for line in differences(root, case)] == []
    assert root.ask("/").body == b"the project's own" or root.ask("/").status == 302


@pytest.mark.parametrize("name", DJANGO)
def test_the_view_of_rest_framework(hosts, frozen_here, name):
    """The view of Django REST framework has the same bytes, whatever the project's permissions and throttles."""
    root = type(hosts(name))(hosts(name).port)
    assert [line for case in EXPORT_CASES for line in differences(root, case, "/rest/metrics/export/")] == []


@pytest.mark.parametrize("name", [*DJANGO, "starlette"])
def test_the_prefix_without_its_slash_leads_to_the_page(hosts, name):
    """The page without its last slash redirects to it, so that its relative links work."""
    host = hosts(name)
    answer = host.ask("")
    assert (answer.status in {307, 308}, answer.headers["location"].endswith(f"{host.prefix}/")) == (True, True)
