"""Promises of :mod:`hydrochat_otel.runtime.process_globals` and of :func:`hydrochat_otel.testing.reset`."""

import ast
from pathlib import Path

import pytest

import hydrochat_otel
from hydrochat_otel import alerting, track_response_time
from hydrochat_otel.instrumentation import instruments, labels, refusals
from hydrochat_otel.runtime import failures, first_use, process_globals
from hydrochat_otel.testing import reset
from hydrochat_otel.web.wrong_tokens import wrong_tokens
from hydrochat_otel.window import window

PACKAGE = Path(hydrochat_otel.__file__).parent


def test_one_call_resets_everything(install):
    """After reset() no pipeline is installed, nothing is counted or kept, and the first use installs again."""
    install()
    with track_response_time("work"):
        pass
    failures.note("test")
    labels.operation_names(1).admit("S1234567A")
    wrong_tokens.wrong("10.0.0.1")
    alerting.on_alert(lambda _: None)
    reset()
    with pytest.raises(hydrochat_otel.PipelineError):
        hydrochat_otel.current()
    assert (failures.counts(), refusals.by_label(), alerting._watchers, window._global) == ({}, {}, [], {})
    assert (len(wrong_tokens), instruments.binding.bound, instruments.binding.fallback) == (0, None, None)
    assert first_use.take() is hydrochat_otel._install_quietly


def test_the_pipeline_ends_before_what_it_uses():
    """The pipeline is shut down first, so that none of its state is created again."""
    assert process_globals.names()[0] == "pipeline"


OF_LIBRARIES = {
    "runtime/collection.py",  # threads that collect at this moment
    "runtime/exits.py",  # weak references to publishers
    "runtime/deferred_queue.py",  # weak references to queues
    "runtime/forks.py",  # the hooks of the interpreter cannot be taken out
    "runtime/process_globals.py",
    "auto/deferred_start.py",  # steps that the first fork does
    "auto/start.py",  # whether auto-instrumentation started the process
    "sdk/gauges.py",  # what the pipeline shows; it takes itself out
    "sdk/providers.py",  # the SDK cannot take a span processor out again
    "sdk/sdk_feeds.py",  # providers of the probe, which must never be collected
    "sdk/quick_collection.py",  # the same
    "prices/usage_fields.py",  # how a class of the SDK is read, which never changes
    "instrumentation/gemini/request_facts.py",  # attributes that depend on nothing but their key
    "instrumentation/tracker.py",  # a view of the window without a state of its own
    "instrumentation/gemini/patched_sdk.py",  # the pipeline undoes the patches
    "runtime/import_hooks.py",  # a finder stays with the interpreter; the pipeline takes its hooks out
    "instrumentation/gemini/live.py",  # weak references to calls under way
    "instrumentation/gemini/live_interactions.py",  # the same
}


def holders():
    """Return modules that make a mutable object for the whole process."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            value = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign) else None
            made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id.startswith("_")
            weak = isinstance(value, ast.Call) and ast.unparse(value.func).startswith(("weakref.", "Counter"))
            empty = isinstance(value, ast.Dict | ast.List) and not ast.unparse(value).strip("{}[]")
            target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
            if isinstance(target, ast.Name) and target.id.isupper():
                continue  # a constant
            if (made and not value.args and not value.keywords) or weak or empty:
                yield str(file.relative_to(PACKAGE))


def test_every_module_with_a_state_of_the_process_registers_it():
    """A module with state for the whole process registers its reset, or is listed here with the reason."""
    registering = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if "process_globals.register(" in file.read_text(encoding="utf-8")
    }
    found = {file for file in holders() if not file.startswith(("testing/", "demo/", "stack/", "cli/", "doctor/"))}
    assert found - registering - OF_LIBRARIES == set()
