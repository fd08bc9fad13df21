"""Promises of signing out where several processes answer: the cookie is invalid in each of them, at once."""

from concurrent.futures import ThreadPoolExecutor

import frozen
import pytest
from fleet.processes import in_child
from servers import running

from hydrochat_otel.fleet.sign_outs import sign_outs
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.testing import reset
from hydrochat_otel.web import Request, paths, respond

pytest_plugins = ["fleet.redis_fixtures"]

FORM = {"content-type": "application/x-www-form-urlencoded"}
WORKERS = 3
MOST_ROUNDS = 100


def signed_in(ask=respond):
    """Return the headers of a browser that signed in here."""
    response = ask(Request("POST", paths.SIGN_IN_PATH, headers=FORM, body=f"token={frozen.TOKEN}".encode()))
    return {"cookie": response.header("Set-Cookie").partition(";")[0]}


def sign_out(browser):
    assert respond(Request("POST", paths.SIGN_OUT_PATH, headers=browser)).status == 303


def status(browser, path=paths.OVERVIEW_PATH):
    return respond(Request("GET", path, headers=browser)).status


def by_worker(host, browser):
    """Ask until each worker has answered; return every status that each gave."""
    found = {}
    with ThreadPoolExecutor(2 * WORKERS) as threads:
        for _ in range(MOST_ROUNDS):
            for answer in threads.map(lambda _: host.ask(paths.OVERVIEW_PATH, browser), range(4 * WORKERS)):
                found.setdefault(answer.headers["x-worker"], set()).add(answer.status)
            if len(found) == WORKERS:
                return list(found.values())
    raise AssertionError(f"only {len(found)} of {WORKERS} workers answered")


def end_session_in_workers(**environ):
    """Sign in and out at a server with workers; return the statuses of each worker before and after."""
    environ = {"HYDROCHAT_METRICS_TOKEN": frozen.TOKEN, "HYDROCHAT_PUBLISH_INTERVAL": "3600", **environ}
    command = ("-m", "gunicorn", "-b", "127.0.0.1:PORT", "--workers", str(WORKERS), "workers_wsgi:wsgi")
    with running(*command, **environ) as host:
        answer = host.ask(paths.SIGN_IN_PATH, FORM, "POST", f"token={frozen.TOKEN}".encode())
        browser = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        before = by_worker(host, browser)
        assert host.ask(paths.SIGN_OUT_PATH, browser, "POST").status == 303
        return before, by_worker(host, browser)


def test_no_worker_accepts_a_cookie_that_another_one_signed_out():
    """Of three gunicorn workers that share by `auto` and publish once an hour, none accepts it from then on."""
    assert end_session_in_workers() == ([{200}] * WORKERS, [{401}] * WORKERS)


@pytest.mark.real
def test_no_worker_accepts_it_where_redis_is_the_state(server):
    """The same with workers that share a Redis."""
    assert end_session_in_workers(HYDROCHAT_STATE=server.url) == ([{200}] * WORKERS, [{401}] * WORKERS)


def test_a_forked_worker_tells_its_parent(install, tmp_path):
    """What a child signs out is invalid in the parent, although neither has counted anything."""
    install(state=f"sqlite://{tmp_path}/state.db", publish_interval_s=3600, metrics_token=frozen.TOKEN)
    browser = signed_in()
    assert status(browser) == 200
    in_child(lambda: sign_out(browser) is None)
    assert status(browser) == 401


def test_a_sign_out_outlives_a_restart(install, tmp_path):
    """With a durable state the cookie stays invalid after the service was restarted; another one stays valid."""
    state = {"state": f"sqlite://{tmp_path}/state.db", "metrics_token": frozen.TOKEN}
    install(**state)
    ended, other = signed_in(), signed_in()
    sign_out(ended)
    pipeline.shutdown()
    reset()
    install(**state)
    assert sign_outs.known == {}
    assert (status(ended), status(other)) == (401, 200)


def test_the_page_asks_for_the_token_again(install):
    """In a process by itself the page answers with its form, and the other endpoints with 401."""
    install(metrics_token=frozen.TOKEN)
    browser = signed_in()
    assert status(browser, paths.PAGE_PATH) == 200
    sign_out(browser)
    assert [status(browser, path) for path in (paths.PAGE_PATH, paths.EXPORT_PATH, paths.METRICS_PATH)] == [401] * 3


def test_only_a_valid_cookie_reaches_the_state(install, tmp_path):
    """What an anonymous client sends, a forged or a missing cookie, makes no exchange with the state."""
    file = tmp_path / "state.db"
    install(state=f"sqlite://{file}", publish_interval_s=3600, metrics_token=frozen.TOKEN)
    pipeline.current().publish()
    pipeline.current()._snapshots.publisher.publish = pytest.fail
    for browser in ({}, {"cookie": f"hydrochat_session={'0' * 32}.9999999999.{'0' * 64}"}):
        sign_out(browser)
        assert status(browser) == 401
    assert sign_outs.known == {}


def test_an_unreachable_state_locks_out_no_browser(install, tmp_path):
    """While the state cannot be used, the last reading counts; the sign-out is published once it can be used again."""
    folder = tmp_path / "later"
    install(state=f"sqlite://{folder}/state.db", publish_interval_s=3600, metrics_token=frozen.TOKEN)
    ended, other = signed_in(), signed_in()
    assert (status(ended), status(other)) == (200, 200)
    sign_out(ended)
    folder.mkdir()
    assert status(ended) == 401
    assert pipeline.current().snapshot().sharing.problem is None

    def elsewhere():
        sign_outs.forget()
        return (status(ended), status(other)) == (401, 200)

    in_child(elsewhere)
