"""Every Python block of the README and the documentation runs."""

import os
import subprocess
import sys

import pytest
from documentation import pages

from hydrochat_otel.testing.answers import made_up_reply
from hydrochat_otel.testing.emulator import GeminiEmulator

BASE_SETTINGS = """
SECRET_KEY = "of the tests"
DEBUG = True
USE_TZ = True
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
REQUESTS = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="ERROR")
headers = {"Authorization": "Bearer " + os.environ["HYDROCHAT_METRICS_TOKEN"]}
for path in sys.argv[1:]:
    response = Client().get(path, headers=headers)
    assert response.status_code == 200, (path, response.status_code, response.content)
"""
EVERYWHERE = ("/api/hydrochat/metrics/export/", "/metrics", "/hydrochat/telemetry/", "/metrics/export/")


@pytest.fixture
def environment(tmp_path):
    """The environment of a program whose google-genai client talks to an emulator."""
    with GeminiEmulator(made_up_reply) as emulator:
        yield {
            **os.environ,
            "GEMINI_API_KEY": "any",
            "GOOGLE_GEMINI_BASE_URL": emulator.base_url,
            "HYDROCHAT_METRICS_TOKEN": "token-of-the-tests-1234",
            "PYTHONPATH": str(tmp_path),
        }


def run(folder, environment, *arguments):
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", [page for page in pages.PAGES if pages.blocks(page, "python")], ids=pages.page_id)
def test_the_python_blocks_run(page, environment, tmp_path):
    """The page's blocks run, in order, as one program; a block that names a file is that file of a project."""
    program = "\n".join(block.text for block in pages.blocks(page, "python") if block.file is None)
    tmp_path.joinpath("program.py").write_text(program, encoding="utf-8")
    run(tmp_path, environment, "program.py")
    files = {block.file for block in pages.blocks(page, "python")} - {None}
    for name in files:
        text = "\n".join(block.text for block in pages.blocks(page, "python") if block.file == name)
        before = {"settings.py": BASE_SETTINGS, "urls.py": "urlpatterns = []\n"}.get(name, "")
        tmp_path.joinpath(name).write_text(before + text, encoding="utf-8")
    if "settings.py" in files:
        tmp_path.joinpath("requests_of_the_test.py").write_text(REQUESTS, encoding="utf-8")
        run(tmp_path, environment, "requests_of_the_test.py", *EVERYWHERE)
    tests = sorted(name for name in files if name.startswith("test_"))
    if tests:
        run(tmp_path, environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *tests)
    assert files <= {"settings.py", "urls.py", "conftest.py", *tests}, "a file that no test uses"


def test_each_python_block_is_found():
    """No page has Python in a block of another name."""
    hidden = [
        (pages.page_id(page), block.text.splitlines()[0])
        for page in pages.PAGES
        for block in pages.blocks(page)
        if block.language != "python" and ("import hydrochat_otel" in block.text and "+from" not in block.text)
    ]
    assert hidden == []
