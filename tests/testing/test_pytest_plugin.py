"""The pytest plugin, in a test run of its own."""

import os
import subprocess
import sys

APPLICATION_TESTS = """
import os

from google import genai
from hydrochat_otel import track_response_time
from hydrochat_otel.testing import Usage, answer


def turn(message):
    with track_response_time("turn"):
        client = genai.Client()
        return client.models.generate_content(model="gemini-2.5-flash", contents=message).text


def test_bill(gemini_emulator, hydrochat_measured):
    gemini_emulator.script(answer("Keep it dry.", usage=Usage(prompt=12, answer=4)))
    assert turn("hello") == "Keep it dry."
    assert hydrochat_measured.differences(gemini_emulator.ledger) == []
    assert hydrochat_measured.tokens.total == 16


def test_starts_at_zero(hydrochat_measured):
    assert hydrochat_measured.entries() == ()
    assert hydrochat_measured.tokens.total == 0
    assert "HYDROCHAT_MAX_OPERATIONS" not in os.environ


def test_clock(hydrochat_clock, hydrochat_measured):
    with track_response_time("turn", threshold_seconds=2.0):
        hydrochat_clock.advance(3)
    assert [(one.operation, one.duration_s) for one in hydrochat_measured.entries("operation")] == [("turn", 3.0)]


def test_a_wrong_bill_fails(gemini_emulator, hydrochat_measured):
    import hydrochat_otel
    hydrochat_otel.shutdown()
    turn("hello")
    assert hydrochat_measured.differences(gemini_emulator.ledger) != []
"""


def test_the_fixtures_work_without_a_conftest(tmp_path):
    """Pytest finds the fixtures by itself; bill, clean start and clock work, and a wrong bill is detected."""
    (tmp_path / "test_application.py").write_text(APPLICATION_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "test_application.py"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "HYDROCHAT_MAX_OPERATIONS": "7"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_an_unused_plugin_loads_nothing():
    """The plugin's import loads neither the SDK nor a server into a test run."""
    program = (
        "import sys, hydrochat_otel.testing.pytest_plugin\n"
        "assert not {'opentelemetry.sdk', 'waitress', 'google.genai'} & set(sys.modules), sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
