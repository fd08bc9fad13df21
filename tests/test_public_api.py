"""The public API: its names, its types, and the representations of its objects."""

import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import hydrochat_otel
from hydrochat_otel.gemini_client_v2 import GeminiClientV2
from hydrochat_otel.options import SettingsOptions
from hydrochat_otel.performance import PerformanceMetrics, get_performance_metrics
from hydrochat_otel.server import Server
from hydrochat_otel.settings import Settings

TYPED = Path(__file__).parent / "typed"
IN_DJANGO_ONLY = {"hydrochat_otel.django", "hydrochat_otel.django.rest", "hydrochat_otel.django.urls"}


def test_dir_shows_the_public_names():
    """`dir(hydrochat_otel)` shows the public names, and each name exists."""
    assert dir(hydrochat_otel) == sorted(hydrochat_otel.__all__)
    assert [name for name in hydrochat_otel.__all__ if not hasattr(hydrochat_otel, name)] == []


@pytest.mark.parametrize("module", sorted(set(hydrochat_otel.PUBLIC_MODULES) - IN_DJANGO_ONLY))
def test_each_public_module_states_its_names(module):
    """A public module has `__all__`, and each name in it exists."""
    imported = import_module(module)
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []


def test_the_options_of_install_are_the_settings():
    """Each setting is a typed option of `install`, and no other is."""
    assert set(SettingsOptions.__annotations__) == {one.name for one in fields(Settings)}


@pytest.mark.timeout(600)
def test_the_public_api_is_typed(tmp_path):
    """Mypy --strict accepts right uses and refuses wrong ones; a missing refusal is itself an error."""
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--no-error-summary"]
    done = subprocess.run(
        [*command, f"--cache-dir={tmp_path}", f"--config-file={TYPED / 'mypy.ini'}", TYPED / "uses.py"],
        check=False,
        capture_output=True,
        text=True,
    )
    if "No module named mypy" in done.stderr:
        pytest.skip('mypy is missing: pip install -e ".[dev]"')
    assert (done.returncode, done.stdout) == (0, "")


def test_public_objects_have_a_representation(installed):
    """The repr of a public object has its kind and its state, and no memory address."""
    server = Server("127.0.0.1", 0)
    server.start()
    server.stop()
    objects = [
        installed,
        installed.snapshot(),
        installed.store,
        server,
        PerformanceMetrics(),
        get_performance_metrics(),
        GeminiClientV2(api_key="secret-key"),
        Settings.load(),
    ]
    shown = [repr(one) for one in objects]
    assert [text for text in shown if " at 0x" in text or "secret-key" in text] == []
    assert shown[0] == "<Pipeline, auto: google-genai not instrumented, 0 entries>"
