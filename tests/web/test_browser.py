"""The page in a real Chromium at real hosts: signing in with the token, with the project's account, and out again."""

import shutil
import socket

import frozen
import pytest

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.serve.server import Server

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402 - after the skip
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="needs the Debian packages chromium and chromium-driver"
    ),
]
HOSTS = ["standalone", "starlette", "django-gunicorn", "django-uvicorn"]


@pytest.fixture(scope="module")
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.get_log("browser")
    return chromium


def until(browser, condition):
    # Between finding and reading an element, the page that follows a form may have replaced it.
    waiting = WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException])
    return waiting.until(lambda _: condition())


def texts(browser, selector):
    """Return the text of each element."""
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, selector)]


def sign_in(browser, token):
    field = until(browser, lambda: browser.find_element(By.ID, "token"))
    field.send_keys(token)
    field.submit()


def alive(browser):
    """Return whether the script runs and shows the frozen numbers."""
    live = browser.find_elements(By.ID, "live")
    return bool(live) and live[0].is_displayed() and "conversation_turn" in live[0].text


def complaints(browser):
    """Return the browser's error messages, except hints and the refusals of access."""
    return [
        entry
        for entry in browser.get_log("browser")
        if entry["level"] != "DEBUG" and not any(status in entry["message"] for status in ("401", "403"))
    ]


@pytest.mark.parametrize("name", HOSTS)
def test_signing_in_with_the_token(hosts, browser, name):
    """Below any prefix, the form refuses a wrong token, the right one opens the page, and signing out leads back."""
    host = hosts(name)
    browser.get(f"{host.url}/")
    sign_in(browser, "not the token")
    until(browser, lambda: "not the token" in browser.find_element(By.ID, "message").text)
    sign_in(browser, frozen.TOKEN)
    until(browser, lambda: alive(browser))
    assert browser.current_url == f"{host.url}/"
    [cookie] = [one for one in browser.get_cookies() if one["name"] == "hydrochat_session"]
    assert (cookie["httpOnly"], cookie["sameSite"], frozen.TOKEN in cookie["value"]) == (True, "Strict", False)
    browser.find_element(By.CSS_SELECTOR, 'form[action="session/end"] button').click()
    until(browser, lambda: browser.find_elements(By.ID, "token"))
    assert (browser.current_url, browser.get_cookies()) == (f"{host.url}/", [])
    assert complaints(browser) == []


@pytest.mark.parametrize("name", ["django-gunicorn", "django-uvicorn"])
def test_signing_in_with_the_projects_account(hosts, browser, name):
    """Staff see the live page without a token; a member gets the reason for the refusal."""
    host = hosts(name)
    browser.get(f"http://127.0.0.1:{host.port}/sign-in/staff/")
    browser.get(f"{host.url}/")
    until(browser, lambda: alive(browser))
    browser.get(f"http://127.0.0.1:{host.port}/sign-in/member/")
    browser.get(f"{host.url}/")
    message = until(browser, lambda: browser.find_element(By.ID, "message").text)
    assert "neither staff nor superuser" in message
    assert complaints(browser) == []


def test_without_scripts_the_page_is_plain_tables(hosts, browser):
    """Without scripts, signing in works and the numbers are shown as tables."""
    host = hosts("standalone")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"{host.url}/")
        sign_in(browser, frozen.TOKEN)
        until(browser, lambda: browser.find_elements(By.TAG_NAME, "table"))
        text = browser.find_element(By.ID, "plain").text
        assert ("conversation_turn" in text, browser.find_element(By.ID, "plain").is_displayed()) == (True, True)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_nothing_of_the_page_comes_from_elsewhere(hosts, browser):
    """Every address that the page loads is on its own host, below its own prefix."""
    host = hosts("django-gunicorn")
    browser.get(f"{host.url}/")
    sign_in(browser, frozen.TOKEN)
    until(browser, lambda: alive(browser))
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert loaded
    assert [url for url in loaded if not url.startswith(f"{host.url}/")] == []


def test_trends_without_prometheus(install, browser):
    """If Prometheus is unreachable the view shows the server's sentence, and the rest of the page works."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    install(prometheus_url=f"http://127.0.0.1:{port}")
    with track_response_time("turn"):
        pass
    with Server("127.0.0.1", 0) as server:
        browser.get(f"{server.url}/")
        sign_in(browser, frozen.TOKEN)
        until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".plot .point"))
        browser.find_element(By.ID, "tab-trends").click()
        said = "The history cannot be shown: Prometheus at HYDROCHAT_PROMETHEUS_URL is unreachable"
        until(browser, lambda: said in browser.find_element(By.ID, "trend-note").text)
        assert browser.find_element(By.ID, "trouble").text == ""


def test_trends_by_step(hosts, browser):
    """The view requests the history when it is opened, draws three charts, and offers longer windows."""
    host = hosts("standalone")
    browser.get(f"{host.url}/")
    sign_in(browser, frozen.TOKEN)
    until(browser, lambda: alive(browser))
    asked = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/history/')).length"
    assert browser.execute_script(asked) == 0
    browser.find_element(By.ID, "tab-trends").click()
    until(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#trend canvas")) == 3)
    # Each waits by itself: a refresh of the page may draw the view again in between.
    titles = ["Operations", "Response time", "Cost"]
    until(browser, lambda: texts(browser, "#trend-charts figcaption > span") == titles)
    until(browser, lambda: "Steps of 15 min" in browser.find_element(By.ID, "trend-note").text)
    until(browser, lambda: sum(map(int, texts(browser, "#trend-table tbody tr td:first-of-type"))) == 60)
    browser.find_element(By.CSS_SELECTOR, '#trend-windows input[value="7d"]').click()
    until(browser, lambda: "Steps of 2 h" in browser.find_element(By.ID, "trend-note").text)
    assert complaints(browser) == []
