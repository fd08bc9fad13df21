"""Promises of the page's views at the real server, in a real Chromium: turns, money and trends."""

import pytest
from conftest import TOKEN
from factories import counter
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from web.looking import Look

from hydrochat_otel import semconv
from hydrochat_otel.pipeline.assembly import Pipeline
from hydrochat_otel.serve.server import Server
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Forecast, Retention, Snapshot

pytestmark = pytest.mark.real

NOW_S = 1_760_000_000.0
FLASH = "gemini-2.0-flash-exp"


def entries():
    """Twenty turns with a step and a call each; the fourth is slow, the sixth failed and expensive."""
    for number in range(20):
        took_s, failed = (4.0 if number == 3 else 1.0), number == 5
        end_s, trace, root, step = NOW_S - 600 * (20 - number), 100 + number, 1000 + number, 2000 + number
        ended = (False, "ServerError", "error") if failed else (number == 3, None, "ok")
        usage = (FLASH, (100, 10, 0, 30, 5), 0.5 if failed else 0.001)
        yield Entry("gemini", "generate_content", took_s / 2, end_s - 0.3, False, *ended[1:], trace, 1, step, *usage)
        yield Entry("operation", "classify_intent", took_s * 0.6, end_s - 0.2, False, None, "ok", trace, step, root)
        yield Entry("operation", "chat.turn" if number % 2 else "report", took_s, end_s, *ended, trace, root)


SNAPSHOT = Snapshot(
    unix_s=NOW_S,
    resource={},
    families=(
        counter(semconv.LLM_CALLS, ({semconv.GEN_AI_REQUEST_MODEL: FLASH, semconv.OUTCOME: "ok"}, 20)),
        counter(semconv.LLM_COST, ({semconv.GEN_AI_REQUEST_MODEL: FLASH, "hydrochat.dimension.tier": "gold"}, 0.519)),
    ),
    entries=tuple(entries()),
    retention=Retention(1000, 24.0, 60, 6.0),
    budget=Budget(0.519, 3.0, 1.0, 31.0, forecast=Forecast(11.5, 9.0, 14.0)),
)


@pytest.fixture
def look(chromium, install, monkeypatch):
    monkeypatch.setattr(Pipeline, "snapshot", lambda _: SNAPSHOT)
    install(trace_url="https://traces.example/{trace_id}")
    with Server("127.0.0.1", 0) as server:
        server.url += "/"
        found = Look(chromium, server)
        found.open(f"#token={TOKEN}")
        found.until(lambda: found.all("#tab-turns"))
        yield found
        chromium.get("about:blank")


def listed(look):
    return [row.text.split("\n")[0] for row in look.all("#turns-table tbody tr")]


def choose(look, name, value):
    look.js(
        "(() => { const field = document.querySelector(`#turn-search [name=${arguments[0]}]`);"
        " field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true})); })()",
        name,
        value,
    )


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("outcome", "slow", 1),
        ("outcome", "failed", 1),
        ("operation", "report", 10),
        ("model", FLASH, 20),
        ("min_duration", "3.5", 1),
        ("min_cost", "0.4", 1),
        ("min_cost", "7", 0),
    ],
)
def test_turns_are_searched(look, field, value, expected):
    """The list shows every turn of the window, and the search finds an operation, outcome, model, time and cost."""
    look.view("turns")
    look.until(lambda: "20 of 20 retained turns match." in look.text("#turns-note"))
    choose(look, field, value)
    look.until(lambda: look.text("#turns-note") == f"{expected} of 20 retained turns match.")
    assert len(look.all("#turns-table tbody th")) == expected
    assert look.complaints() == []


def test_a_turn_opens_as_a_waterfall(look):
    """One click opens a turn's entries in order, with times, tokens and dollars, and a link to its trace."""
    look.view("turns")
    choose(look, "outcome", "failed")
    look.until(lambda: len(look.all("#turns-table tbody th")) == 1)
    look.driver.find_element(By.CSS_SELECTOR, "#turns-table tbody a").click()
    look.until(lambda: look.all("#turn .waterfall"))
    rows = [cell.text.split("\n") for cell in look.all("#turn tbody th")]
    assert [row[0] for row in rows] == ["chat.turn", "classify_intent", "generate_content"]
    words = [FLASH, "ServerError", "100 fresh", "10 cached", "30 answer", "5 thinking"]
    assert rows[2][1].split(" \u00b7 ") == words
    assert look.all("#turn a[target]")[0].get_attribute("href") == f"https://traces.example/{105:032x}"
    bars = look.all("#turn .lane rect:not(.track)")
    lanes = [[float(bar.get_attribute(name)) for name in ("x", "width")] for bar in bars]
    assert [[round(number) for number in lane] for lane in lanes] == [[0, 1000], [200, 600], [200, 500]]
    look.driver.back()
    look.until(lambda: look.all("#turns-table tbody th"))
    assert look.complaints() == []


def test_a_turn_that_has_left_the_window(look):
    """The address of a turn that has left the window shows one sentence."""
    look.view("turns")
    look.js("location.hash = 'turns/1-1-1'")
    look.until(lambda: "not in the window" in look.text("#turn"))


def test_money(look):
    """Dollars by operation and by the application's own dimension, of the budget, and of the whole month."""
    look.view("money")
    look.until(lambda: "chat.turn" in look.text("#root-cost-bars"))
    assert "$0.509000 \u00b7 10 calls" in look.text("#root-cost-bars")
    assert "Cost by tier" in look.text("#dimensions")
    assert "gold" in look.text("#dimensions")
    figures = look.text("#money-figures")
    assert "51.9 % of $1.00" in figures
    assert "Forecast of the month\n$11.50\nwithin the budget" in figures


def test_charts_by_keyboard(look):
    """The arrow keys announce the steps of a chart, + zooms all charts, Escape shows everything again."""
    look.view("trends")
    look.until(lambda: len(look.all("#trend canvas")) == 3)
    chart = look.driver.find_element(By.CSS_SELECTOR, "#trend .lines")
    look.js("arguments[0].focus()", chart)
    chart.send_keys(Keys.END)
    look.until(lambda: "operations" in look.text("#trend .readout"))
    last = look.text("#trend .readout")
    chart.send_keys(Keys.ARROW_LEFT)
    look.until(lambda: look.text("#trend .readout") != last)
    assert look.complaints() == []


def test_tabs_by_keyboard(look):
    """The arrow keys go from tab to tab, one tab is in the order of the keyboard, and the address names the view."""
    tab = look.driver.find_element(By.ID, "tab-now")
    look.js("arguments[0].focus()", tab)
    tab.send_keys(Keys.ARROW_LEFT)
    look.until(lambda: look.driver.find_element(By.ID, "view-health").is_displayed())
    assert look.driver.current_url.endswith("#health")
    reachable = [tab.get_attribute("id") for tab in look.all("[role=tab]") if tab.get_attribute("tabindex") == "0"]
    assert reachable == ["tab-health"]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("view", ["turns", "money", "trends", "health"])
def test_every_view_fits(look, view, width):
    """No view scrolls sideways, on a phone or on a screen."""
    look.open(f"#{view}", width=width)
    look.until(lambda: look.driver.find_element(By.ID, f"view-{view}").is_displayed())
    look.until(lambda: look.js("document.readyState") == "complete")
    assert look.js("document.documentElement.scrollWidth") <= width
