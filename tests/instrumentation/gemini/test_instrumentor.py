"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.instrumentor` and of ``sdk_patches``."""

import functools
import importlib
import logging
import subprocess
import sys
import textwrap

import pytest
from google import genai
from google.genai import models
from instrumentation.gemini.scenario_runner import FLASH, open_client

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.instrumentation.gemini.patch_points import MARK
from hydrochat_otel.instrumentation.gemini.sdk_patches import find_patches
from hydrochat_otel.runtime import deferred_queue, failures
from hydrochat_otel.testing.replies import answer


def patched():
    """Return every function of the SDK that is wrapped, by name."""
    return {
        (patch.owner.__name__, patch.name): vars(patch.owner)[patch.name]
        for patch in find_patches(importlib.import_module)
    }


def ask(emulator, client):
    """Make one call."""
    emulator.script(answer("Yes."))
    return client.models.generate_content(model=FLASH, contents="x")


def test_undoing_leaves_every_function_the_original():
    """Each wrapped function is the same object again as before, on its own class."""
    before = patched()
    instrumentor = GeminiInstrumentor()
    instrumentor.instrument()
    owners = {patch.owner for patch in find_patches(importlib.import_module, Everything())}
    assert owners == set()
    assert all(getattr(getattr(models, owner), name, None) is not before[owner, name] for owner, name in MODELS)
    instrumentor.uninstrument()
    after = patched()
    assert after.keys() == before.keys()
    assert all(after[key] is before[key] for key in before)
    assert not any(hasattr(function, MARK) for function in after.values())


MODELS = [
    (owner, name) for owner in ("Models", "AsyncModels") for name in ("_generate_content", "_generate_content_stream")
]


class Everything:
    """Contains everything."""

    def __contains__(self, _):
        return True


def test_instrumenting_twice_counts_once(emulator, meters):
    """Two activations and a second instrumentor still give one call, priced by the one activated last."""
    first, second = GeminiInstrumentor(), GeminiInstrumentor()
    for instrumentor in (first, first, second):
        instrumentor.instrument()
    ask(emulator, open_client(emulator))
    assert (first.active, second.active) == (True, True)
    first.uninstrument()
    assert (first.active, second.active) == (False, True)
    ask(emulator, open_client(emulator))
    second.uninstrument()
    second.uninstrument()
    ask(emulator, open_client(emulator))
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"ok": 2}
    assert len(meters.spans) == 2


def test_the_version_is_known_once_the_sdk_is(instrumentor):
    """The gauge's label is the SDK's own version."""
    assert (instrumentor.active, instrumentor.library_version) == (True, genai.__version__)


def refused(caplog, monkeypatch, owner, name, function):
    """Return what an instrumentor logs and does if the SDK has this function."""
    monkeypatch.setattr(owner, name, function)
    instrumentor = GeminiInstrumentor()
    with caplog.at_level(logging.ERROR, "hydrochat_otel"):
        instrumentor.instrument()
    active = instrumentor.active
    instrumentor.uninstrument()
    assert vars(owner)[name] is function
    return active, [record.getMessage() for record in caplog.records], failures.counts()


def changed(self, model_name, contents, config=None):
    """A function with another signature."""


def changed_generator(self, *, model, contents, config=None):
    """A generator function where a plain one is expected."""
    yield


@pytest.mark.parametrize("function", [changed, changed_generator])
def test_an_unknown_patch_point_is_refused_with_a_sentence(caplog, monkeypatch, function):
    """One sentence names version and function, a failure is counted, and nothing is active or wrapped."""
    active, sentences, counted = refused(caplog, monkeypatch, models.Models, "_generate_content", function)
    assert active is False
    assert sentences[-1] == (
        f"Calls to Gemini are not counted: google-genai {genai.__version__}: "
        "google.genai.models.Models._generate_content is not the known function."
    )
    assert counted == {"google_genai.incompatible": 1}


def test_an_optional_function_that_differs_is_left_unwrapped(caplog, monkeypatch, emulator, meters):
    """Everything else is still counted, and the function is named as uncovered."""
    monkeypatch.setattr(models.Models, "compute_tokens", changed)
    instrumentor = GeminiInstrumentor()
    instrumentor.instrument()
    assert instrumentor.active
    assert vars(models.Models)["compute_tokens"] is changed
    assert instrumentor.uncovered == ("Models.compute_tokens",)
    ask(emulator, open_client(emulator))
    instrumentor.uninstrument()
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"ok": 1}


def test_another_librarys_wrapper_above_ours_survives(emulator, meters, monkeypatch):
    """After undoing, ours passes everything through below theirs; instrumented again, each call still counts once."""
    original = vars(models.Models)["_generate_content"]
    monkeypatch.setattr(models.Models, "_generate_content", original)
    instrumentor = GeminiInstrumentor()
    instrumentor.instrument()
    ours, seen = vars(models.Models)["_generate_content"], []

    @functools.wraps(ours)
    def theirs(self, **kwargs):
        seen.append("theirs")
        return ours(self, **kwargs)

    models.Models._generate_content = theirs
    instrumentor.uninstrument()
    client = open_client(emulator)
    ask(emulator, client)
    assert vars(models.Models)["_generate_content"] is theirs
    assert meters.spans == ()
    instrumentor.instrument()
    ask(emulator, client)
    assert (instrumentor.active, len(meters.spans), len(seen)) == (True, 1, 2)
    models.Models._generate_content = ours
    instrumentor.uninstrument()
    assert vars(models.Models)["_generate_content"] is original


def printed_by(program):
    """Return the output of a program that runs in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def test_the_sdk_is_not_imported_for_us():
    """Neither importing the package nor instrumenting imports google.genai; importing it later activates."""
    program = """
        import sys
        from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
        instrumentor = GeminiInstrumentor()
        instrumentor.instrument()
        assert not {"google.genai", "genai_prices", "pydantic"} & set(sys.modules)
        assert (instrumentor.active, instrumentor.library_version) == (False, "")
        from google import genai
        from google.genai import models
        assert (instrumentor.active, instrumentor.library_version) == (True, genai.__version__)
        assert hasattr(models.Models._generate_content, "__hydrochat_otel__")
        instrumentor.uninstrument()
        assert not hasattr(models.Models._generate_content, "__hydrochat_otel__")
        print("fine")
    """
    assert printed_by(program) == ("fine\n", "")


def test_undone_before_the_sdk_is_imported_nothing_is_replaced():
    """The hook that waits for the import finds no active instrumentor."""
    program = """
        from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
        instrumentor = GeminiInstrumentor()
        instrumentor.instrument()
        instrumentor.uninstrument()
        from google.genai import models
        assert not hasattr(models.Models._generate_content, "__hydrochat_otel__")
        print("fine")
    """
    assert printed_by(program) == ("fine\n", "")


def test_a_telemetry_that_breaks_does_not_break_the_call(emulator, instrumentor, monkeypatch):
    """If a call cannot be begun, read or finished, the caller gets the reply and the failure is counted."""
    client = open_client(emulator)
    for target, component in (
        ("hydrochat_otel.instrumentation.gemini.call_labels.CallLabelCache.at", "google_genai.begin"),
        ("hydrochat_otel.instrumentation.gemini.reply_record.ordinary", "google_genai.reply"),
        ("hydrochat_otel.instrumentation.gemini.reply_record.ReplyRecord.ledger", "google_genai.finish"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(target, broken)
            assert ask(emulator, client).text == "Yes."
            deferred_queue.drain_all()
        assert failures.counts()[component] == 1


def broken(*_args, **_kwargs):
    """Fail."""
    raise ZeroDivisionError
