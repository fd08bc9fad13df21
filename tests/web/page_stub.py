"""A stand-in for the web layer: the page's assets under the same Content-Security-Policy, with invented numbers."""

import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson

from hydrochat_otel import semconv
from hydrochat_otel.views import overview, plain_tables, thresholds
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Family, NumberPoint, Retention, Sharing, Snapshot

NOW_S = 1_760_000_000.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HTML = "text/html; charset=utf-8"
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
TOKEN = "a-token-of-the-tests"
NOTHING_SPENT = {"by_operation_covers": "start", "by_root_operation": []}
NO_TURNS: dict[str, Any] = {"turns": []}
OPERATIONS = ("conversation.turn", "classify_intent", "extract_fields", "lookup_scans", "render_depth_maps")


# -- the numbers --------------------------------------------------------------------------------------------------


def family(spec: semconv.MetricSpec, *points: tuple[dict[str, str], float]) -> Family:
    numbers = tuple(NumberPoint(attributes, value) for attributes, value in points)
    return Family(spec.name, "counter", spec.unit, spec.description, semconv.SCOPE, "", numbers)


def gemini_families() -> tuple[Family, ...]:
    flash, pro, custom = "gemini-2.0-flash-exp", "gemini-2.5-pro", "gemini-in-house-preview"
    model, outcome, bucket = semconv.GEN_AI_REQUEST_MODEL, semconv.OUTCOME, semconv.TOKEN_BUCKET
    used = {
        flash: (28_400, 6_600, 1_210, 8_350, 0),
        pro: (9_120, 2_048, 0, 3_870, 5_904),
        custom: (900, 0, 0, 310, 0),
    }
    return (
        family(
            semconv.LLM_CALLS,
            ({model: flash, outcome: "ok"}, 412),
            ({model: flash, outcome: "error"}, 9),
            ({model: flash, outcome: "blocked"}, 3),
            ({model: pro, outcome: "ok"}, 37),
            ({model: custom, outcome: "ok"}, 4),
        ),
        family(
            semconv.LLM_TOKENS,
            *(
                ({model: name, bucket: which}, count)
                for name, counts in used.items()
                for which, count in zip(semconv.TOKEN_BUCKETS, counts, strict=True)
            ),
        ),
        family(semconv.LLM_COST, ({model: flash}, 0.006431), ({model: pro}, 0.1093)),
        family(semconv.LLM_UNPRICED_TOKENS, ({model: custom}, 1_210)),
        family(semconv.LLM_RETRIES, ({model: flash, semconv.REASON: "5xx"}, 7)),
    )


def entries(count: int, *, spread_s: float = 5 * 3600, seed: int = 7) -> tuple[Entry, ...]:
    """Return operations with a long tail and a few failures, evenly spread over the time before NOW_S."""
    chance = random.Random(seed)
    made = []
    for index in range(count):
        duration_s = math.exp(chance.gauss(-1.1, 0.8))
        error = chance.choice(("ServerError", "ValueError")) if chance.random() < 0.02 else None
        end_s = NOW_S - 20 - spread_s * (1 - (index + 1) / count)
        outcome = "error" if error else "ok"
        name = chance.choice(OPERATIONS)
        made.append(
            Entry(
                "operation", name, duration_s, end_s, duration_s > 2, error, outcome, trace_id=chance.getrandbits(128)
            )
        )
    return tuple(made)


def shown_snapshot(
    kept: tuple[Entry, ...],
    families: tuple[Family, ...] = (),
    budget: Budget | None = None,
    sharing: Sharing | None = None,
) -> dict[str, Any]:
    retention = Retention(1000, 24, len(kept), len(kept) / 10)
    snapshot = Snapshot(
        NOW_S, {"service.name": "hydrochat"}, families, kept, retention, budget or Budget(), sharing or Sharing()
    )
    return overview.document(snapshot, thresholds.evaluate(snapshot))


def usual() -> dict[str, Any]:
    return shown_snapshot(entries(420), gemini_families(), Budget(6.4187, 98.25, 10.0, 310.0), Sharing("redis", 4))


# -- the stub -----------------------------------------------------------------------------------------------------


@dataclass
class Stub:
    """What the stub serves; a test changes it while the page is open."""

    shown: dict[str, Any] = field(default_factory=usual)
    status: int = 200
    signed_in: bool = True
    refresh_s: str = "0.2"
    body: bytes | None = None
    asked: int = 0
    presented: list[str] = field(default_factory=list)
    url: str = ""

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, content_type, body, extra = self.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
        headers = [("Content-Type", content_type), ("Content-Security-Policy", POLICY), ("Cache-Control", "no-store")]
        start_response(f"{status} -", headers + extra)
        return [body]

    def answer(self, method: str, path: str, environ: dict[str, Any]) -> tuple[int, str, bytes, list[tuple[str, str]]]:
        answers = {
            ("GET", "/"): self.page,
            ("GET", "/api/hydrochat/metrics/overview/"): self.numbers,
            ("POST", "/session"): lambda: self.sign_in(environ),
            ("POST", "/session/end"): self.sign_out,
        }
        if path.startswith("/page/"):
            return 200, TYPES[path.rpartition(".")[2]], asset(path.removeprefix("/page/")), []
        return answers.get((method, path), lambda: (404, "text/plain", b"", []))()

    def page(self):
        if not self.signed_in:
            return 401, HTML, asset("sign-in.html"), []
        tables = plain_tables.render(self.shown, NOTHING_SPENT, NO_TURNS)
        html = asset("index.html").replace(b"<!--tables-->", tables.encode())
        return 200, HTML, html.replace(b'data-refresh-s="5"', f'data-refresh-s="{self.refresh_s}"'.encode()), []

    def numbers(self):
        self.asked += 1
        body = orjson.dumps(self.shown) if self.body is None else self.body
        return self.status if self.signed_in else 401, "application/json", body, []

    def sign_in(self, environ: dict[str, Any]):
        presented = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        self.presented.append(presented)
        self.signed_in = presented == f"token={TOKEN}"
        if self.signed_in:
            return 303, "text/plain", b"", [("Location", "/")]
        return 401, HTML, asset("sign-in.html").replace(b"<!--message-->", b"That is not the token."), []

    def sign_out(self):
        self.signed_in = False
        return 303, "text/plain", b"", [("Location", "/")]


def asset(name: str) -> bytes:
    return files("hydrochat_otel").joinpath("assets", "page", name).read_bytes()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Stub]:
    """Serve a stub on a free port of loopback."""
    served = Stub()
    server = make_server("127.0.0.1", 0, served.application, _Server, _Quiet)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}/"
    yield served
    server.shutdown()
    server.server_close()
