"""A page in a real Chromium, and queries on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from conftest import require_program
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait


@contextmanager
def launched() -> Iterator[WebDriver]:
    """Run a Chromium until the block ends."""
    options = webdriver.ChromeOptions()
    options.binary_location = require_program("chromium", "chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(require_program("chromedriver", "chromium-driver")))
    yield driver
    driver.quit()


class Look:
    """One page in the browser, and queries on it."""

    def __init__(self, driver: WebDriver, stub: Any) -> None:
        self.driver = driver
        self.stub = stub

    def open(self, fragment="", *, width=1280, height=900, scheme="light"):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(self.stub.url + fragment)
        return self

    def view(self, name):
        """Open one of the views by its tab."""
        self.driver.find_element(By.ID, f"tab-{name}").click()
        return self.until(lambda: self.driver.find_element(By.ID, f"view-{name}").is_displayed())

    def until(self, condition, patience_s=60):
        # An element that a reload has just removed does not count yet.
        waiting = WebDriverWait(self.driver, patience_s, 0.05, ignored_exceptions=[StaleElementReferenceException])
        return waiting.until(lambda _: condition())

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def js(self, expression, *arguments):
        return self.driver.execute_script(f"return {expression}", *arguments)

    def complaints(self):
        """The browser's error messages; the 401 of a page that has to sign in does not count."""
        lines = [line for line in self.driver.get_log("browser") if line["level"] in {"WARNING", "SEVERE"}]
        return [line["message"] for line in lines if "401" not in line["message"]]

    def requested(self):
        """Every address that the page requested."""
        messages = [orjson.loads(line["message"])["message"] for line in self.driver.get_log("performance")]
        sent = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]
