"""Promises of :mod:`hydrochat_otel.django`: accounts, the project's middleware, settings and system checks."""

import json
import os
import subprocess
import sys

import pytest
from cases import BEARER, TOKEN
from servers import PROJECT, Host

from hydrochat_otel import web
from hydrochat_otel.web import access

PATHS = [web.EXPORT_PATH, web.METRICS_PATH, web.HISTORY_PATH, "/hydrochat/telemetry/", "/rest/metrics/export/"]


@pytest.fixture(params=["django-runserver", "django-gunicorn", "django-uvicorn"])
def project(request, hosts):
    return Host(hosts(request.param).port)


def session(project, name):
    cookie = project.ask(f"/sign-in/{name}/").headers["set-cookie"]
    return {"cookie": cookie.partition(";")[0]}


@pytest.mark.parametrize(("account", "status"), [("staff", 200), ("boss", 200), ("member", 403), ("gone", 401)])
def test_accounts(project, account, status):
    """Staff and superusers see everything; others get 403, a disabled account 401: never a redirect."""
    headers = session(project, account)
    assert {path: project.ask(path, headers).status for path in PATHS} == dict.fromkeys(PATHS, status)
    if status == 403:
        assert json.loads(project.ask(web.EXPORT_PATH, headers).body) == {"error": access.NOT_STAFF}


def test_no_request_is_sent_to_the_login_page(project):
    """Under LoginRequiredMiddleware the project's own page redirects to its login, and ours answer 401 themselves."""
    assert project.ask("/").headers["location"].startswith("/accounts/login/")
    answers = {path: project.ask(path) for path in PATHS}
    assert {answer.status for answer in answers.values()} == {401}
    assert answers[web.EXPORT_PATH].headers["www-authenticate"] == 'Bearer realm="hydrochat_otel"'


def test_the_sites_cache_keeps_nothing_of_ours(project):
    """With the cache middleware over the whole site, what staff saw is not shown to the next client."""
    for path in PATHS:
        assert project.ask(path, session(project, "staff")).status == 200
        assert project.ask(path).status == 401


def test_a_token_of_rest_framework(project, database):
    """The project's authenticators apply where its view is used: staff's token works, others' do not."""
    made = django(
        "from django.contrib.auth.models import User; from rest_framework.authtoken.models import Token; import json; "
        "print(json.dumps({u.username: Token.objects.get_or_create(user=u)[0].key for u in User.objects.all()}))",
        TEST_DATABASE=str(database),
    )
    keys = json.loads(made.stdout)
    path = "/rest/metrics/export/"
    statuses = {name: project.ask(path, {"authorization": f"Token {key}"}).status for name, key in keys.items()}
    assert statuses == {"staff": 200, "boss": 200, "member": 403, "gone": 401}
    assert project.ask(path, {"authorization": "Token wrong"}).status == 401
    assert project.ask(web.EXPORT_PATH, {"authorization": f"Token {keys['staff']}"}).status == 401


# -- in a process with other settings -----------------------------------------------------------------------------


def django(script, **environ):
    """Run the script in a process of its own, with Django set up and a test client."""
    before = "import django; django.setup(); from django.test import Client, override_settings; client = Client()\n"
    return subprocess.run(
        [sys.executable, "-c", before + script],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "DJANGO_SETTINGS_MODULE": "django_settings", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def printed(script, **environ):
    done = django(script, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_over_http_the_sites_redirect_stays_and_over_https_we_answer():
    """SECURE_SSL_REDIRECT leads to the same path under HTTPS, where we answer; an exempt path answers at once."""
    script = f"""
get = lambda **more: client.get("/metrics", headers={{"authorization": "Bearer {TOKEN}"}}, **more)
with override_settings(SECURE_SSL_REDIRECT=True):
    client = Client()
    print(get().status_code, get()["Location"], get(secure=True).status_code)
with override_settings(SECURE_SSL_REDIRECT=True, SECURE_REDIRECT_EXEMPT=[r"^metrics$"]):
    client = Client()
    print(get().status_code)
"""
    assert printed(script) == ["301", "https://testserver/metrics", "200", "200"]


def test_under_https_the_cookie_is_secure():
    """Signing in over HTTPS, as the project recognises it, sets a cookie for HTTPS only."""
    script = f"""
form = {{"data": "token={TOKEN}", "content_type": "application/x-www-form-urlencoded"}}
with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
    answer = client.post("/hydrochat/telemetry/session", headers={{"x-forwarded-proto": "https"}}, **form)
    print(answer.status_code, answer["Set-Cookie"].endswith("; Secure"))
"""
    assert printed(script) == ["303", "True"]


def test_a_session_store_that_is_down_costs_a_scrape_nothing(tmp_path):
    """Without a database the token still works; a request with only a session gets 401, and nothing is raised."""
    script = f"""
from django.conf import settings
with override_settings(MIDDLEWARE=[one for one in settings.MIDDLEWARE if "LoginRequired" not in one]):
    client = Client()
    client.cookies["sessionid"] = "abcdefghijklmnopqrstuvwxyz123456"
    bearer = {{"authorization": "Bearer {TOKEN}"}}
    print(*(client.get("/metrics", headers=headers).status_code for headers in (bearer, {{}})))
"""
    assert printed(script, TEST_DATABASE=str(tmp_path / "no" / "such" / "directory")) == ["200", "401"]


def test_urls_are_named():
    """A project can link to the page and the export by name."""
    script = """
from django.urls import reverse
print(*(reverse(f"hydrochat_otel:{name}") for name in ("export", "export-schema", "history", "metrics", "page")))
"""
    assert printed(script) == [
        web.EXPORT_PATH, web.SCHEMA_PATH, web.HISTORY_PATH, web.METRICS_PATH, "/hydrochat/telemetry/",
    ]  # fmt: skip


def test_settings_come_from_django():
    """The project's settings win over the environment."""
    script = "from hydrochat_otel import current; s = current().settings; print(s.max_entries, s.instrument_gemini)"
    assert printed(script, METRICS_MAX_ENTRIES="77", HYDROCHAT_INSTRUMENT_GEMINI="1") == ["77", "False"]


def test_a_pipeline_that_the_project_installed_stays():
    """If the project has installed with settings of its own, the application leaves that pipeline alone."""
    script = """import hydrochat_otel, django
installed = hydrochat_otel.install(max_entries=5)
django.setup()
print(hydrochat_otel.current() is installed)"""
    environ = {**os.environ, "PYTHONPATH": str(PROJECT), "DJANGO_SETTINGS_MODULE": "django_settings"}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("True", "")


def test_an_invalid_setting_stops_the_start_with_one_sentence():
    """The last line names the variable, the value and what is allowed."""
    done = django("", METRICS_MAX_ENTRIES="-5")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        "django.core.exceptions.ImproperlyConfigured: METRICS_MAX_ENTRIES='-5' is not allowed: "
        "it must be a whole number of at least 1."
    )


def test_rest_framework_is_optional():
    """Without it installed, everything except its view works."""
    script = """
import sys
sys.modules["rest_framework"] = None
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["hydrochat_otel.django"], ROOT_URLCONF="hydrochat_otel.django.urls",
    ALLOWED_HOSTS=["*"],     HYDROCHAT_METRICS_TOKEN="token-of-the-tests-1234")
django.setup()
from django.test import Client
bearer = {"authorization": "Bearer token-of-the-tests-1234"}
print(*(Client().get("/metrics", headers=headers).status_code for headers in (bearer, {})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["200", "401"], done.stderr


NO_AUTHENTICATION = "MIDDLEWARE=[one for one in settings.MIDDLEWARE if 'contrib.auth' not in one]"


@pytest.mark.parametrize(
    ("token", "environ", "changed", "ids"),
    [
        (TOKEN, {}, "", []),
        (None, {}, "", ["W002"]),
        (None, {}, NO_AUTHENTICATION, ["W001"]),
        (TOKEN, {}, NO_AUTHENTICATION, ["W003"]),
        (TOKEN, {}, NO_AUTHENTICATION + ", DEBUG=True", []),
        (TOKEN, {}, "ROOT_URLCONF='bare_urls'", ["I004"]),
        (TOKEN, {}, "SECURE_SSL_REDIRECT=True", ["W005"]),
        (TOKEN, {}, "SECURE_SSL_REDIRECT=True, SECURE_REDIRECT_EXEMPT=[r'^metrics$']", []),
        (TOKEN, {"WEB_CONCURRENCY": "4"}, "", []),
        (TOKEN, {"WEB_CONCURRENCY": "4", "HYDROCHAT_STATE": "memory"}, "", ["W006"]),
        (TOKEN, {"WEB_CONCURRENCY": "1"}, "", []),
        (TOKEN, {"RUN_MAIN": "true"}, "", ["I007"]),
        (TOKEN, {"HYDROCHAT_STATE": "sqlite:////tmp/hydrochat-check.db", "OTEL_SERVICE_NAME": "chat"}, "", []),
        (TOKEN, {"HYDROCHAT_STATE": "sqlite:////tmp/hydrochat-check.db"}, "", ["W008"]),
    ],
)
def test_the_system_checks_say_what_is_missing(tmp_path, token, environ, changed, ids):
    """Each thing that keeps the numbers from being seen is one message with what to do; other settings give none."""
    (tmp_path / "bare_urls.py").write_text("urlpatterns = []")
    (tmp_path / "other_settings.py").write_text(f"from django_settings import *\nHYDROCHAT_METRICS_TOKEN = {token!r}\n")
    script = f"""
from django.conf import settings
from django.core.checks import run_checks
with override_settings({changed}):
    for message in run_checks(tags=["hydrochat_otel"]):
        assert message.hint and message.msg.endswith(".")
        print(message.id.removeprefix("hydrochat_otel."))
"""
    paths = os.pathsep.join((str(PROJECT), str(tmp_path)))
    assert printed(script, PYTHONPATH=paths, DJANGO_SETTINGS_MODULE="other_settings", **environ) == ids


def test_bearer_and_session_together(project):
    """A wrong token does not lock out signed-in staff, and a right one admits a member."""
    assert project.ask(web.EXPORT_PATH, {**session(project, "staff"), "authorization": "Bearer wrong"}).status == 200
    assert project.ask(web.EXPORT_PATH, {**session(project, "member"), **BEARER}).status == 200
