"""The oldest supported google-genai and two in the middle: all tests of this folder pass on each.

The suite itself runs on the newest, which pip installs.
"""

import importlib.metadata
import os
import re
import subprocess
from pathlib import Path

import environments
import pytest

import hydrochat_otel

TESTS = Path(__file__).parent
ROOT = Path(hydrochat_otel.__file__).parent.parent
RUNNERS = ["pytest", "pytest-asyncio", "pytest-timeout", "hypothesis"]

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("HYDROCHAT_TEST_SDK_MATRIX") != "1",
        reason="makes three virtual environments: set HYDROCHAT_TEST_SDK_MATRIX=1",
    ),
    pytest.mark.timeout(1200),
]


def requirements():
    """Return the package's requirements, without google-genai and the extras."""
    needed = importlib.metadata.requires("hydrochat-otel") or []
    return [line for line in needed if "extra ==" not in line and not re.match(r"google.genai", line)]


@pytest.mark.parametrize("version", ["1.41.0", "1.65.0", "2.34.0"])
def test_the_supported_range_is_supported(version, tmp_path):
    """A separate virtual environment with that version passes every test of this folder."""
    python = environments.make(tmp_path, [f"google-genai=={version}", *requirements(), *RUNNERS])
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
