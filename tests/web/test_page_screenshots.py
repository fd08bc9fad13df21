"""Every view of the page on every kind of screen, over a busy, a quiet and an empty service, in a real Chromium.

`HYDROCHAT_TEST_SCREENSHOTS=FOLDER` keeps the screenshots.
"""

import base64
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import TOKEN
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from web import page_checks
from web.looking import Look
from web.shown_services import NOW_S, SERVICES

from hydrochat_otel.pipeline.assembly import Pipeline
from hydrochat_otel.serve.server import Server

pytestmark = pytest.mark.real

VIEWS = ("now", "turns", "money", "trends", "health")
SCREENS = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (360, "light")}
SCREENSHOTS = os.environ.get("HYDROCHAT_TEST_SCREENSHOTS")


@pytest.fixture
def show(chromium, install, monkeypatch):
    """Open the page of one of the services on one of the screens, signed in."""
    install()
    with Server("127.0.0.1", 0) as server:
        server.url += "/"

        def opened(service, screen):
            monkeypatch.setattr(Pipeline, "snapshot", lambda _: SERVICES[service])
            width, scheme = SCREENS[screen]
            look = Look(chromium, server).open(f"#token={TOKEN}", width=width, scheme=scheme)
            look.until(lambda: look.all("#live:not([hidden]), #empty:not([hidden])"))
            return look

        yield opened
        chromium.get("about:blank")


def keep(look, name):
    """Keep a screenshot of the whole page, if a folder is given for it."""
    if SCREENSHOTS:
        taken = look.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        folder = Path(SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"page-{name.replace(' ', '-')}.png").write_bytes(base64.b64decode(taken["data"]))


def faults(look, width):
    """Return what is wrong with the page as it is shown now."""
    found = {
        "console": look.complaints(),
        "elsewhere": [url for url in look.requested() if not url.startswith(look.stub.url)],
        "sideways": max(0, look.js("document.documentElement.scrollWidth") - width),
        "tiles": look.js(page_checks.TILES),
        "texts": look.js(page_checks.COLLISIONS),
        "outside": look.js(page_checks.OUTSIDE),
        "contrast": min(4.5, look.js(page_checks.CONTRAST)),
    }
    return {name: fault for name, fault in found.items() if fault and fault != 4.5}


READY = {
    "now": lambda look: look.all(".plot .point"),
    "turns": lambda look: look.all("#turns-table tbody a"),
    "money": lambda look: look.all("#money-figures dd") and look.all("#root-cost-bars > li"),
    "trends": lambda look: len(look.all("#trend canvas")) == 3 and look.all("#trend-table tbody tr"),
    "health": lambda look: look.text("#retention"),
}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("service", ["busy", "quiet"])
def test_every_view_on_every_screen(show, service, screen):
    """No view has an error, a foreign request, an overlap, text outside its panel, or an empty chart."""
    look = show(service, screen)
    wrong, charts = {}, {}
    for view in VIEWS:
        look.view(view)
        look.until(lambda view=view: READY[view](look))
        if found := faults(look, SCREENS[screen][0]):
            wrong[view] = found
        charts[view] = look.js(page_checks.DRAWN)
        keep(look, f"{service}-{view}-{screen}")
    assert wrong == {}
    assert charts["now"]["points"][0] > 0
    assert [pixels > 20 for pixels in charts["trends"]["canvases"]] == [True, True, True]


@pytest.mark.parametrize("screen", SCREENS)
def test_the_empty_page_on_every_screen(show, screen):
    """Before the first operation, the page shows only what to do, without an error on any screen."""
    look = show("empty", screen)
    keep(look, f"empty-{screen}")
    assert faults(look, SCREENS[screen][0]) == {}
    assert "No operations yet" in look.text("#empty")


@pytest.mark.parametrize("screen", SCREENS)
def test_a_turn_on_every_screen(show, screen):
    """The waterfall of a turn fits on every screen."""
    look = show("busy", screen)
    look.view("turns")
    look.until(lambda: look.all("#turns-table tbody a"))
    look.js("document.querySelectorAll('#turns-table tbody a')[5].click()")
    look.until(lambda: look.all("#turn .waterfall"))
    keep(look, f"busy-turn-{screen}")
    assert faults(look, SCREENS[screen][0]) == {}


def test_charges_beyond_tokens(show):
    """What is charged beside tokens is a table with units and dollars; without such charges there is no table."""
    look = show("busy", "light")
    look.view("money")
    rows = look.until(lambda: [row.text for row in look.all("#charges tbody tr")])
    assert rows == ["Grounding, searches 40 $1.4000", "Images 3 no price"]
    look = show("quiet", "light")
    look.view("money")
    look.until(lambda: READY["money"](look))
    assert not look.all("#charges-panel")[0].is_displayed()


def test_trends_of_a_young_service(show, monkeypatch):
    """While no step is known as a whole, the view says so instead of that nothing happened, and draws nothing."""
    monkeypatch.setitem(SERVICES, "quiet", replace(SERVICES["quiet"], counted_since_unix_s=NOW_S - 60))
    look = show("quiet", "light")
    look.view("trends")
    look.until(lambda: "No step of this window is known as a whole yet" in look.text("#trend-table"))
    assert look.js(page_checks.DRAWN)["canvases"] == [0, 0, 0]


def test_a_strangers_questions_take_two_clicks(show):
    """Why was this turn slow: its waterfall. Will the month's budget hold: the forecast beside it."""
    look = show("busy", "light")
    look.driver.find_element(By.ID, "tab-turns").click()
    slow = "//div[@id='turns-table']//tr[td[contains(., 'slow')]]//a"
    look.until(lambda: [link.click() or True for link in look.driver.find_elements(By.XPATH, slow)[:1]])
    look.until(lambda: look.all("#turn .waterfall"))
    assert len(look.all("#turn tbody tr")) > 3
    assert look.all("#turn .lane rect.slow")
    look.driver.find_element(By.ID, "tab-money").click()
    look.until(lambda: "Forecast of the month\n$340.50\nabove the budget" in look.text("#money-figures"))


def test_the_keyboard_reaches_every_view(show):
    """Tab reaches the tabs within ten keys, and the arrow keys open every view from there."""
    look = show("busy", "light")
    focused = "document.activeElement.id"
    for _ in range(10):
        ActionChains(look.driver).send_keys(Keys.TAB).perform()
        if look.js(focused) == "tab-now":
            break
    for view, following in pairwise((*VIEWS, "now")):
        assert look.js(focused) == f"tab-{view}"
        assert look.until(lambda view=view: look.all(f"#view-{view}:not([hidden])"))
        ActionChains(look.driver).send_keys(Keys.ARROW_RIGHT).perform()
        look.until(lambda following=following: look.js(focused) == f"tab-{following}")
