"""Starts a HydroChat and sends requests to it, for tests."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from hydrochat_app.serving import DEVELOPER, NURSE

_TESTS = Path(__file__).parents[1]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HydroChat:
    """The process as a context manager; `environment` is added to the test's own.

    Args:
        gemini_url: Of the emulator.
        directory: For the database and the log.
    """

    def __init__(self, gemini_url, directory, **environment):
        self._log = directory / "hydrochat.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PYTHONPATH": os.pathsep.join([str(_TESTS), str(_TESTS.parent)]),
            "DJANGO_SETTINGS_MODULE": "hydrochat_app.settings",
            "HYDROCHAT_TEST_DATABASE": str(directory / "hydrochat.sqlite3"),
            "GOOGLE_GEMINI_BASE_URL": gemini_url,
            "GEMINI_API_KEY": "emulated",
            **environment,
        }
        self._process = None
        self.url = ""

    def __enter__(self):
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hydrochat_app.serving"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self.url = self._process.stdout.readline().decode().strip()
        assert self.url, self.log
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()

    @property
    def log(self):
        """Return its log so far."""
        return self._log.read_text()

    def ask(self, path, account=None, *, token=None, body=None):
        """Send a request as an account, with a token or anonymously; return the status and the text."""
        headers = {"Content-Type": "application/json"}
        if account:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(account).encode()).decode()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        try:
            with _DIRECT.open(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def say(self, message, conversation_id=None, account=NURSE):
        """Take one turn; return the parsed answer."""
        body = {"message": message} | ({"conversation_id": conversation_id} if conversation_id else {})
        status, text = self.ask("/api/hydrochat/chat/", account, body=body)
        assert status == 200, text
        return json.loads(text)

    def stats(self, conversation_id):
        """The statistics of a conversation."""
        status, text = self.ask(f"/api/hydrochat/stats/{conversation_id}/", DEVELOPER)
        assert status == 200, text
        return json.loads(text)
