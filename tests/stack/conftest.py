"""The demo with its page on loopback, the programs that read it, and the shipped assets where they expect them."""

import os
import re
import shutil

import pytest
from stack import go_programs
from stack.servers import TIME_SCALE, scrape_app

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.demo.scenario import ConversationBrain
from hydrochat_otel.serve.server import Server
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S
from hydrochat_otel.testing.emulator import GeminiEmulator

collect_ignore = ["test_compose_config.py"] if go_programs.LEFT_OUT else []
if "HYDROCHAT_TEST_VIEWER" not in os.environ:
    collect_ignore.append("test_boards_drawn.py")


@pytest.fixture
def emulator():
    with GeminiEmulator(ConversationBrain()) as running:
        yield running


@pytest.fixture
def served(install):
    """An instrumented application that serves its metrics, with a budget and a threshold as fast as the demo."""
    # Scaled like the demo's waits, so that its slow answers exceed it on a machine of any speed.
    install(instrument_gemini=True, budget_usd=5.0, response_time_threshold_s=RESPONSE_TIME_S * TIME_SCALE)
    with Server("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def quick_rules(tmp_path):
    """The shipped rules, evaluated every second and without waiting before they fire; otherwise unchanged."""
    directory = tmp_path / "rules"
    for path in shipped_assets.export("rules", directory).written:
        text = re.sub(r"^(\s+)interval: .*$", r"\1interval: 1s", path.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^\s+for: .*\n", "", text, flags=re.MULTILINE)
        path.write_text(text)
    return directory


@pytest.fixture
def scraped(served, quick_rules):
    """The configuration of a Prometheus that scrapes the application and evaluates the rules."""
    return {"rule_files": [f"{quick_rules}/*.yml"], "scrape_configs": [scrape_app(served.port)]}


@pytest.fixture
def assets(tmp_path):
    """A copy of every shipped asset of the stack, as files."""
    directory = tmp_path / "assets"
    for folder in ("alertmanager", "prometheus", "rules", "dashboards"):
        shipped_assets.export(folder, directory / folder)
    yield directory
    shutil.rmtree(directory)
