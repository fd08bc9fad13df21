"""The page in a real Chromium, over a stub that serves the assets under the web layer's Content-Security-Policy."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from web.looking import Look
from web.page_checks import CONTRAST
from web.page_stub import NOW_S, TOKEN, Stub, entries, gemini_families, serving, shown_snapshot

from hydrochat_otel.window.snapshot import Budget, Sharing

pytestmark = pytest.mark.real


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as served:
        yield served


@pytest.fixture
def look(chromium, stub):
    yield Look(chromium, stub)
    chromium.get("about:blank")


def drawn(look):
    return look.until(lambda: look.all(".plot .point"))


def test_the_page_shows_the_numbers_without_an_error(look):
    """Totals, chart, tables and bars appear; the console is silent; no other host is contacted."""
    drawn(look.open())
    assert len(look.all(".plot .point")) == 420
    assert look.js("document.querySelector('[data-threshold]').dataset.threshold") == "2"
    assert look.until(lambda: "threshold 2 s" in look.text("#chart .threshold-name"))  # redrawn with each refresh
    assert "420" in look.text("#operation-figures")
    assert "465" in look.text("#gemini-figures")
    look.view("money")
    assert len(look.all("#token-bars > li")) == 5
    assert len(look.all("#cost-bars > li")) == 3
    assert "unpriced" in look.text("#models")
    assert [line for line in look.complaints() if "/money/" not in line] == []  # the stub does not have it
    assert {url.split("/page/")[0].split("/api/")[0].rstrip("/") for url in look.requested()} == {
        look.stub.url.rstrip("/")
    }


def test_spend_and_processes_are_shown(look):
    """Today and this month are beside their budgets; half of a budget needs no attention, a failing state does."""
    look.stub.shown = shown_snapshot(entries(3), (), Budget(6.4187, 310.0, 10.0, 310.0 * 4), Sharing("redis", 4))
    look.open()
    look.until(lambda: look.text("#attention"))
    look.view("money")
    look.until(lambda: "$6.42 of $10.00 · 64.2 %" in look.text("#budget-bars"))
    assert "$310.00 of $1,240.00 · 25.0 %" in look.text("#budget-bars")
    look.view("health")
    assert look.text("#state") == "4 processes, state redis\nThe numbers are kept in Redis, shared by all hosts."
    look.view("now")
    assert "Budget: $6.42 of $10.00 for today are spent (64 %)." in look.text("#alerts .notice")
    slow = look.stub.shown["totals"]["operations"]["violations"]
    assert look.text("#attention") == ("Needs attention: 1" if slow else "Healthy")
    look.stub.shown = shown_snapshot(
        entries(3), (), Budget(0.0123, 0.5), Sharing("redis", 1, 9.0, "Redis does not answer.")
    )
    look.view("money")
    look.until(lambda: "$0.0123, no budget is set" in look.text("#budget-bars"))
    look.view("health")
    assert "Redis does not answer." in look.text("#state .failed")
    look.view("now")
    assert "Redis does not answer." in look.text("#alerts")
    assert [line for line in look.complaints() if "/money/" not in line] == []


def test_the_page_refreshes_itself(look):
    """New numbers appear without any action, and pausing stops the requests."""
    drawn(look.open())
    look.stub.shown = shown_snapshot(entries(421), gemini_families())
    look.until(lambda: len(look.all(".plot .point")) == 421)
    look.driver.find_element(By.ID, "pause").click()
    look.until(lambda: "paused" in look.text("#refresh-state"))
    asked = look.stub.asked
    look.js("new Promise(done => setTimeout(done, 700))")
    assert look.stub.asked <= asked + 1


def test_a_hidden_page_sends_no_requests(look):
    """While its tab is hidden the page sends no requests, and catches up at once when it is shown."""
    drawn(look.open())
    hide = "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true})"
    look.js(f"{hide}, document.dispatchEvent(new Event('visibilitychange'))", True)
    asked = look.stub.asked
    look.js("new Promise(done => setTimeout(done, 700))")
    assert look.stub.asked <= asked + 1
    look.js(f"{hide}, document.dispatchEvent(new Event('visibilitychange'))", False)
    look.until(lambda: look.stub.asked > asked + 2)


@pytest.mark.parametrize(("status", "body"), [(500, None), (503, None), (200, b"no json")])
def test_a_failing_server_is_shown_and_the_last_numbers_stay(look, status, body):
    """A failing refresh marks the numbers as stale and keeps them; the next successful one clears the mark."""
    drawn(look.open())
    look.stub.status, look.stub.body = status, body
    look.until(lambda: "stale" in look.text("#trouble"))
    assert len(look.all(".plot .point")) == 420
    look.stub.status, look.stub.body = 200, None
    look.until(lambda: not look.text("#trouble"))


def test_the_empty_page_says_what_to_do(look):
    """Before the first operation the page shows how to make one instead of empty charts."""
    look.stub.shown = shown_snapshot(())
    look.open()
    look.until(lambda: look.all("#empty:not([hidden])"))
    assert "No operations yet" in look.text("#empty")
    assert not look.driver.find_element(By.ID, "live").is_displayed()
    assert look.complaints() == []


def test_the_window_is_chosen(look):
    """One hour shows the operations of one hour, in chart and table alike."""
    drawn(look.open())
    look.js("document.querySelector('#windows input').click()")
    inside = sum(entry.end_unix_s >= NOW_S - 3600 for entry in entries(420))
    look.until(lambda: len(look.all(".plot .point")) == inside)
    counts = look.js(
        "[...document.querySelectorAll('#by-operation tbody tr')].map(row => Number(row.cells[1].textContent))"
    )
    assert sum(counts) == inside


def test_signing_in_by_link(look):
    """The printed link signs in by itself, and the token is removed from the address at once."""
    look.stub.signed_in = False
    drawn(look.open(f"#token={TOKEN}"))
    assert look.stub.presented == [f"token={TOKEN}"]
    assert look.driver.current_url == look.stub.url
    assert look.complaints() == []


def test_signing_in_by_hand(look):
    """A wrong token is refused with a sentence, the right one opens the page, signing out closes it."""
    look.stub.signed_in = False
    look.open()
    for token in ("wrong", TOKEN):
        look.until(lambda: look.all("input[name=token]"))[0].send_keys(token, Keys.ENTER)
        if token == "wrong":
            look.until(lambda: "That is not the token." in look.text("body"))
    drawn(look)
    look.js("document.querySelector('form[action=\"session/end\"] button').click()")
    look.until(lambda: look.all("input[name=token]"))


def test_the_keyboard_reaches_the_chart(look):
    """Tab reaches the chart's cursor, arrows move it, and a tooltip names the operation."""
    drawn(look.open())
    look.driver.find_element(By.CSS_SELECTOR, "#scales :checked").send_keys(Keys.TAB)
    look.until(lambda: look.text(".tooltip"))
    before = look.js("document.activeElement.getAttribute('aria-valuetext')")
    look.driver.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    look.until(lambda: look.js("document.activeElement.getAttribute('aria-valuetext')") != before)
    assert look.js("document.activeElement.getAttribute('role')") == "slider"
    assert look.text(".tooltip")


def test_a_refresh_keeps_focus_and_choices(look):
    """Focus, the chosen operation and the order of a table stay while new numbers arrive."""
    drawn(look.open())
    look.js("document.querySelectorAll('#by-operation thead button')[1].click()")
    cursor = look.driver.find_element(By.CSS_SELECTOR, "#chart .cursor")
    look.js("arguments[0].focus()", cursor)
    cursor.send_keys(Keys.HOME)
    before = cursor.get_attribute("aria-valuetext")
    look.stub.shown = shown_snapshot((*entries(420), entries(421)[-1]), gemini_families())
    look.until(lambda: len(look.all(".plot .point")) == 421)
    assert look.driver.switch_to.active_element == cursor
    assert cursor.get_attribute("aria-valuetext") == before
    assert look.js("document.querySelector('#by-operation [aria-sort]').textContent") == "Count"
    counts = look.js(
        "[...document.querySelectorAll('#by-operation tbody tr')].map(row => Number(row.cells[1].textContent))"
    )
    assert counts == sorted(counts, reverse=True)


def test_an_ended_session_leads_back_to_signing_in(look):
    """When the numbers are refused as anonymous, the page shows the sign-in form."""
    drawn(look.open())
    look.stub.signed_in = False
    look.until(lambda: look.all("input[name=token]"))


def test_a_page_without_access_to_the_numbers_does_not_reload_forever(look):
    """If page and numbers disagree on the sign-in, the page says so after one reload."""
    look.stub.status = 401
    look.open()
    look.until(lambda: "refuses the numbers" in look.text("#trouble"))
    assert look.all("#live[hidden]")


def test_a_name_from_the_application_is_never_markup(look):
    """An operation named like an element is shown as text, in chart and tables."""
    name = "<img src=x onerror=alert(1)>"
    look.stub.shown = shown_snapshot(tuple(entry._replace(operation=name) for entry in entries(9)))
    drawn(look.open())
    assert look.text("#by-operation tbody th") == name
    assert look.all("main img") == []
    assert look.complaints() == []


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_reads_on_every_screen(look, width, scheme):
    """No sideways scrolling, and all text has a contrast of at least 4.5 to 1, light and dark."""
    drawn(look.open(width=width, scheme=scheme))
    assert look.js("document.documentElement.scrollWidth") <= width
    assert look.js(CONTRAST) >= 4.5


def test_everything_has_a_name(look):
    """Every table has a caption, every control a name, every image a text, and the page a language and a title."""
    drawn(look.open())
    assert look.js("[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent.trim()).length") == 0
    assert look.js("[...document.querySelectorAll('img')].filter(i => !i.hasAttribute('alt')).length") == 0
    unnamed = look.js(
        "[...document.querySelectorAll('button, a[href], input, [role=slider]')].filter(c => !(c.textContent.trim() "
        "|| c.labels?.length || c.getAttribute('aria-label') || c.getAttribute('aria-labelledby'))).length"
    )
    assert unnamed == 0
    assert (look.js("document.documentElement.lang"), bool(look.driver.title)) == ("en", True)


def test_without_script_the_page_is_plain_tables(look):
    """With JavaScript switched off the server's tables show the same numbers."""
    look.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        look.open()
        assert "420" in look.text("#plain")
        assert "gemini-2.5-pro" in look.text("#plain")
        assert not look.driver.find_element(By.ID, "live").is_displayed()
    finally:
        look.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
