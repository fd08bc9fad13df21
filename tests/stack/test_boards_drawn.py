"""The boards as Grafana's own components draw them, over live data of the demo and over a service without traffic.

The page that draws them is in `viewer`: `npm ci` there, `npm run build`, and `HYDROCHAT_TEST_VIEWER=1` for the test.
"""

import re
import shutil
from pathlib import Path

import pytest
from conftest import require_program
from ports import free_port
from stack.servers import Program, Prometheus, Talking, eventually
from stack.test_panels_live import dashboards, panels
from web.looking import Look

from hydrochat_otel.cli import shipped_assets

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

BOARDS = {board["uid"]: board for board in dashboards()}
WIDTH = 1600
NO_NUMBER = re.compile(r"\bNaN\b|\bundefined\b|Infinity|\{\{|\[object")
COLOURS = """[...document.querySelectorAll("span, div")]
  .filter((one) => !one.children.length && arguments[0].includes(one.textContent.trim()))
  .map((one) => [one.textContent.trim(), getComputedStyle(one).color.match(/[0-9.]+/g).slice(0, 3).map(Number)])"""


@pytest.fixture
def draw(chromium, scraped, tmp_path):
    """Return what draws a board, over a Prometheus that scrapes the application; and that Prometheus."""
    port, boards = free_port(), tmp_path / "boards"
    shipped_assets.export("dashboards", boards)
    viewer = Path(__file__).with_name("viewer") / "serve.mjs"
    node = require_program("node", "nodejs")
    with Prometheus(tmp_path / "prometheus", require_program("prometheus", "prometheus"), scraped) as prometheus:
        eventually(lambda: prometheus.instant("hydrochat_retention_entries"), "the application is scraped")
        url = f"http://127.0.0.1:{port}/"
        served = (node, str(viewer), str(port), str(boards), prometheus.url)
        with Program(tmp_path / "viewer", *served, ready_url=url) as program:
            program.url = url

            def drawn(uid, theme):
                look = Look(chromium, program)
                look.open(f"?board={uid}&theme={theme}&from=now-5m&width={WIDTH}", width=WIDTH + 40, height=2800)
                look.until(lambda: look.js("Boolean(window.__done && window.__done())"))
                return look

            yield drawn, prometheus
    shutil.rmtree(tmp_path / "prometheus")


def faults(look, board):
    """Return what is wrong with the board as it is drawn."""
    report = look.js("window.__report.panels")
    named = [
        (panel["title"], name)
        for panel in report
        if panel["type"] == "timeseries"
        for name in panel.get("names", ())
        if not name.strip() or name in {"Value", "Time"}
    ]
    twice = [
        one["title"] for one in report if one["type"] == "timeseries" and len(set(one["names"])) < len(one["names"])
    ]
    found = {
        "errors": [(one["title"], one["error"]) for one in report if one.get("error")],
        "missing": sorted({one["title"] for one in panels(board)} - {one["title"] for one in report}),
        "legend": named,
        "phantom": twice,
        "console": [line for line in look.complaints() if "404" not in line],
        "words": NO_NUMBER.findall(look.js("document.body.innerText")),
        "sideways": max(0, look.js("document.documentElement.scrollWidth") - WIDTH - 40),
    }
    return {name: fault for name, fault in found.items() if fault}


def loud(look, board):
    """Return the texts of empty tiles that have a colour."""
    texts = sorted({one["fieldConfig"]["defaults"]["noValue"] for one in panels(board) if one["type"] == "stat"})
    return [text for text, channels in look.js(COLOURS, texts) if max(channels) - min(channels) > 40]


def test_the_boards_with_traffic(draw, emulator):
    """Light and dark, no panel has an error, a blank or doubled name in its legend, or a number that is none."""
    drawn, prometheus = draw
    with Talking(emulator.base_url):
        eventually(lambda: prometheus.instant("hydrochat_llm_unpriced_tokens_total"), "the demo is scraped")
        eventually(lambda: prometheus.instant("rate(hydrochat_llm_calls_total[20s]) > 0"), "rates are known")
        wrong = {}
        for uid, board in BOARDS.items():
            for theme in ("light", "dark"):
                look = drawn(uid, theme)
                series = sum(one["series"] for one in look.js("window.__report.panels"))
                if found := faults(look, board) or loud(look, board) or (not series and "no series"):
                    wrong[uid, theme] = found
        assert wrong == {}


def test_the_boards_without_traffic(draw):
    """Over a service that did nothing yet, no panel has an error, and no empty tile has a colour."""
    drawn, _ = draw
    wrong = {}
    for uid, board in BOARDS.items():
        look = drawn(uid, "light")
        if found := faults(look, board) or loud(look, board):
            wrong[uid] = found
    assert wrong == {}
