"""The table of cases that every host answers with the same bytes."""

from dataclasses import dataclass, field

from hydrochat_otel import web
from hydrochat_otel.web import sessions

TOKEN = "token-of-the-tests-1234"
BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIE = {"cookie": f"theme=dark; {sessions.COOKIE}={sessions.sessions.issue(TOKEN)}"}
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@dataclass(frozen=True)
class Case:
    """One request and the status it gets; `path` is below the prefix at which the host mounted the site."""

    status: int
    path: str
    headers: dict = field(default_factory=dict)
    method: str = "GET"
    query: str = ""
    body: bytes = b""

    def __str__(self):
        words = [
            self.method,
            self.path + ("?" if self.query else "") + self.query,
            *map(":".join, self.headers.items()),
        ]
        return " ".join(words).replace(TOKEN, "TOKEN")[:110]


FORM = {"content-type": "application/x-www-form-urlencoded"}

# For the export, so that a view of the export alone answers them as well.
EXPORT_CASES = [
    Case(401, web.EXPORT_PATH),
    Case(401, web.EXPORT_PATH, {"authorization": "Bearer wrong"}),
    Case(401, web.EXPORT_PATH, {"authorization": f"Basic {TOKEN}"}),
    Case(401, web.EXPORT_PATH, {"cookie": f"{sessions.COOKIE}={TOKEN}"}),
    Case(401, web.EXPORT_PATH, method="HEAD"),
    Case(200, web.EXPORT_PATH, BEARER),
    Case(200, web.EXPORT_PATH, COOKIE),
    Case(200, web.EXPORT_PATH, {"authorization": f"bearer   {TOKEN}"}),
    Case(200, web.EXPORT_PATH, BEARER, method="HEAD"),
    Case(200, web.EXPORT_PATH, {**BEARER, "accept-encoding": "gzip"}, query="entries=true"),
    Case(200, web.EXPORT_PATH, {**BEARER, "accept-encoding": "gzip;q=0, br"}, query="entries=true"),
    Case(200, web.EXPORT_PATH, {**BEARER, "accept": "application/json"}),
    Case(200, web.EXPORT_PATH, {**BEARER, "accept": "text/html,*/*;q=0.8"}),
    Case(200, web.EXPORT_PATH, BEARER, query="since=2025-10-09T08:40:00%2B00:00"),
    Case(200, web.EXPORT_PATH, BEARER, query="since=2025-10-09T08:40:00+00:00&operation=classify_intent"),
    Case(200, web.EXPORT_PATH, BEARER, query="limit=3&operation=no.such"),
    Case(200, web.EXPORT_PATH, BEARER, query="limit=7"),
    Case(200, web.EXPORT_PATH, {**BEARER, "if-none-match": '"something else"'}),
    Case(304, web.EXPORT_PATH, {**BEARER, "if-none-match": "*"}),
    Case(304, web.EXPORT_PATH, {**BEARER, "if-none-match": "*"}, method="HEAD"),
    Case(400, web.EXPORT_PATH, BEARER, query="since=yesterday"),
    Case(400, web.EXPORT_PATH, BEARER, query="since=2025-10-09T08:40:00"),
    Case(400, web.EXPORT_PATH, BEARER, query="limit=0"),
    Case(400, web.EXPORT_PATH, BEARER, query="limit=1&limit=2"),
    Case(400, web.EXPORT_PATH, BEARER, query="operation=John%20Smith%20S1234567D"),
    Case(400, web.EXPORT_PATH, BEARER, query="sinse=x"),
    Case(400, web.EXPORT_PATH, BEARER, query="cursor=%00%ff"),
    Case(405, web.EXPORT_PATH, BEARER, method="POST", body=b"x=1"),
    Case(405, web.EXPORT_PATH, method="DELETE"),
    Case(405, web.EXPORT_PATH, BEARER, method="OPTIONS"),
    Case(405, web.EXPORT_PATH, BEARER, method="BREW"),
]

# For the endpoints that every host has at its root.
SHARED_CASES = [
    *EXPORT_CASES,
    Case(200, web.EXPORT_PATH.rstrip("/"), BEARER),
    Case(401, web.EXPORT_PATH.rstrip("/")),
    Case(200, web.SCHEMA_PATH, BEARER),
    Case(200, web.OPENAPI_PATH, {**BEARER, "accept-encoding": "gzip"}),
    Case(200, web.OVERVIEW_PATH, BEARER),
    Case(200, web.HISTORY_PATH, BEARER),
    Case(200, web.HISTORY_PATH, BEARER, query="window=1h&step=5m"),
    Case(400, web.HISTORY_PATH, BEARER, query="window=forever"),
    Case(401, web.HISTORY_PATH),
    Case(200, web.TURNS_PATH, BEARER),
    Case(200, web.TURNS_PATH, BEARER, query="outcome=failed&model=gemini-2.0-flash-exp&min_duration=0.5"),
    Case(200, web.TURNS_PATH, BEARER, query="min_cost=0.00001&limit=5"),
    Case(200, web.TURNS_PATH, BEARER, query=f"turn=7-5a-{1_759_998_200_000_000:x}"),
    Case(404, web.TURNS_PATH, BEARER, query="turn=1-1-1"),
    Case(400, web.TURNS_PATH, BEARER, query="outcome=terrible"),
    Case(401, web.TURNS_PATH),
    Case(200, web.MONEY_PATH, BEARER),
    Case(400, web.MONEY_PATH, BEARER, query="x=y"),
    Case(401, web.MONEY_PATH),
    Case(401, web.METRICS_PATH),
    Case(200, web.METRICS_PATH, BEARER),
    Case(200, web.METRICS_PATH, {**BEARER, "accept": OPENMETRICS, "accept-encoding": "gzip"}),
    Case(200, web.METRICS_PATH, {**BEARER, "accept": OPENMETRICS}, query="foo=bar"),
    Case(200, web.METRICS_PATH, BEARER, method="HEAD"),
    Case(200, web.METRICS_PATH, {**BEARER, "accept": "application/json"}),
    Case(405, web.METRICS_PATH, BEARER, method="PUT", body=b"{}"),
]

# For the whole site below any prefix of a host.
SITE_CASES = [
    *SHARED_CASES,
    Case(200, web.HEALTH_PATH),
    Case(200, web.HEALTH_PATH, method="HEAD"),
    Case(401, web.PAGE_PATH),
    Case(200, web.PAGE_PATH, {**BEARER, "accept-encoding": "gzip"}),
    Case(200, web.PAGE_PATH, COOKIE),
    Case(405, web.PAGE_PATH, BEARER, method="POST", body=b"x"),
    Case(200, "/page/page.css"),
    Case(200, "/page/page.js", {"accept-encoding": "gzip"}),
    Case(304, "/page/icon.svg", {"if-none-match": "*"}),
    Case(404, "/page/nothing.js"),
    Case(404, "/page/%2e%2e/json_export.py", BEARER),
    Case(404, "/nowhere", BEARER),
    Case(404, "/nowhere/%C3%A4%20x", BEARER),
    Case(404, "/metrics/", BEARER),
    Case(405, web.SIGN_IN_PATH),
    Case(303, web.SIGN_IN_PATH, FORM, "POST", body=f"token={TOKEN}".encode()),
    Case(401, web.SIGN_IN_PATH, FORM, "POST", body=b"token=wrong"),
    Case(413, web.SIGN_IN_PATH, FORM, "POST", body=b"token=" + b"x" * 5000),
    Case(403, web.SIGN_IN_PATH, {**FORM, "sec-fetch-site": "cross-site"}, "POST", body=b"token=x"),
    Case(303, web.SIGN_OUT_PATH, FORM, "POST"),
]
