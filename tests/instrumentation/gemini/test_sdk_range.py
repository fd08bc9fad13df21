"""The oldest supported google-genai, two in the middle and the newest: all tests of this folder pass on each."""

import importlib.metadata
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import hydrochat_otel

TESTS = Path(__file__).parent
ROOT = Path(hydrochat_otel.__file__).parent.parent
RUNNERS = ["pytest", "pytest-asyncio", "pytest-timeout", "hypothesis"]

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("HYDROCHAT_TEST_SDK_MATRIX") != "1",
        reason="makes four virtual environments: set HYDROCHAT_TEST_SDK_MATRIX=1",
    ),
    pytest.mark.timeout(1200),
]


def requirements():
    """Return the package's requirements, without google-genai and the extras."""
    needed = importlib.metadata.requires("hydrochat-otel") or []
    return [line for line in needed if "extra ==" not in line and not re.match(r"google.genai", line)]


@pytest.mark.parametrize("version", ["1.41.0", "1.65.0", "2.34.0", "3.6.1"])
def test_the_supported_range_is_supported(version, tmp_path):
    """A separate virtual environment with that version passes every test of this folder."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "-q", f"google-genai=={version}", *requirements(), *RUNNERS]
    subprocess.run(install, check=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HYDROCHAT_TEST_")}
    done = subprocess.run(
        [python, "-m", "pytest", TESTS, "-q", "-p", "no:cacheprovider", f"--ignore={__file__}"],
        env=environ | {"PYTHONPATH": os.fspath(ROOT)},
        cwd=TESTS.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
