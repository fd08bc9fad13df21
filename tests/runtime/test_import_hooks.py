"""Promises of :mod:`hydrochat_otel.runtime.import_hooks`."""

import copy
import importlib
import pickle
import sys
import threading

import pytest
import wrapt

from hydrochat_otel.runtime import failures, import_hooks
from hydrochat_otel.runtime.import_hooks import when_imported

COMPONENT = "test.hook"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that is not imported yet; it is forgotten afterwards."""
    (tmp_path / "awaited_module.py").write_text("import sys\nloader_seen = __spec__.loader\nvalue = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "awaited_module"
    sys.modules.pop("awaited_module", None)


@pytest.fixture
def seen():
    """What the hooks took."""
    return []


def test_a_hook_runs_after_the_module_and_before_its_importer_goes_on(module, seen):
    """It takes the finished module, once, also if the module is loaded again."""
    when_imported(module, lambda found: seen.append(found.value), component=COMPONENT)
    assert (seen, module in sys.modules) == ([], False)
    importlib.import_module(module)
    assert seen == [7]
    importlib.reload(sys.modules[module])
    assert seen == [7]


def test_a_hook_of_an_imported_module_runs_at_once(module, seen):
    """Nothing has to be imported again."""
    found = importlib.import_module(module)
    when_imported(module, seen.append, component=COMPONENT)
    assert seen == [found]


def test_hooks_run_in_the_order_in_which_they_were_registered(module, seen):
    """A cancelled one does not run."""
    first = when_imported(module, lambda _: seen.append(1), component=COMPONENT)
    when_imported(module, lambda _: seen.append(2), component=COMPONENT)
    when_imported(module, lambda _: seen.append(3), component=COMPONENT)
    first.cancel()
    first.cancel()
    importlib.import_module(module)
    assert seen == [2, 3]


def test_nothing_of_ours_stays_on_a_module(module, seen):
    """The module runs with its own loader and keeps it."""
    when_imported(module, seen.append, component=COMPONENT)
    found = importlib.import_module(module)
    kinds = {type(one).__module__ for one in (found.loader_seen, found.__loader__, found.__spec__.loader)}
    assert kinds == {"_frozen_importlib_external"}
    assert importlib.util.find_spec(module).loader is found.__loader__


def test_a_module_that_is_only_looked_for_has_a_loader_that_reads_it(module, seen):
    """It reads the source, and can be copied and stored."""
    when_imported(module, seen.append, component=COMPONENT)
    loader = importlib.util.find_spec(module).loader
    assert loader.get_source(module).startswith("import sys")
    for copied in (copy.copy(loader), copy.deepcopy(loader), pickle.loads(pickle.dumps(loader))):
        assert type(copied) is importlib.machinery.SourceFileLoader
        assert copied.path == loader.path
    assert seen == []


def test_a_hook_that_fails_does_not_break_the_import(module, seen):
    """It is counted under its component, and the next one runs."""
    when_imported(module, lambda _: 1 / 0, component=COMPONENT)
    when_imported(module, seen.append, component=COMPONENT)
    assert importlib.import_module(module).value == 7
    assert (len(seen), failures.counts()) == (1, {COMPONENT: 1})


def test_a_module_that_cannot_be_found_fails_as_without_us(seen):
    """The importer gets Python's own exception, and the hook keeps waiting."""
    awaited = when_imported("no_such_module_at_all", seen.append, component=COMPONENT)
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module_at_all'"):
        importlib.import_module("no_such_module_at_all")
    assert (seen, "no_such_module_at_all" in repr(import_hooks._finder)) == ([], True)
    awaited.cancel()
    assert "no_such_module_at_all" not in repr(import_hooks._finder)


def test_an_import_that_fails_may_be_repeated(tmp_path, monkeypatch, seen):
    """The hook runs when the module was executed to its end for the first time."""
    file = tmp_path / "broken_module.py"
    file.write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    when_imported("broken_module", seen.append, component=COMPONENT)
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("broken_module")
    assert seen == []
    file.write_text("value = 7\n")
    importlib.invalidate_caches()
    assert seen == [importlib.import_module("broken_module")]
    del sys.modules["broken_module"]


@pytest.mark.parametrize("ours_is_first", [False, True])
def test_hooks_of_another_library_run_as_well(module, seen, ours_is_first):
    """Its finder asks every finder, ours included, for the module; whichever waited first, both hooks run once."""
    ours = [lambda: when_imported(module, lambda _: seen.append("ours"), component=COMPONENT)]
    theirs = [lambda: wrapt.register_post_import_hook(lambda _: seen.append("theirs"), module)]
    for register in ours + theirs if ours_is_first else theirs + ours:
        register()
    importlib.import_module(module)
    assert sorted(seen) == ["ours", "theirs"]


def test_registering_waits_for_an_import_under_way(tmp_path, monkeypatch, seen):
    """A module that another thread imports is taken when it is finished, not before."""
    (tmp_path / "slow_import.py").write_text("import sys\nsys.slow_began.set()\nsys.slow_goes_on.wait(30)\nvalue = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "slow_began", threading.Event(), raising=False)
    monkeypatch.setattr(sys, "slow_goes_on", threading.Event(), raising=False)
    importer = threading.Thread(target=lambda: importlib.import_module("slow_import"), daemon=True)
    importer.start()
    assert sys.slow_began.wait(30)
    threading.Timer(0.1, sys.slow_goes_on.set).start()
    when_imported("slow_import", lambda found: seen.append(found.value), component=COMPONENT)
    assert seen == [7]
    importer.join(30)
    del sys.modules["slow_import"]


def test_an_exception_of_the_host_passes_through_and_the_hook_runs_later(module, seen):
    """Ctrl-C during a hook ends the import, as it would without us; the next import runs the hook."""

    def interrupted(_):
        seen.append("began")
        if len(seen) == 1:
            raise KeyboardInterrupt

    when_imported(module, interrupted, component=COMPONENT)
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module(module)
    assert module not in sys.modules
    importlib.import_module(module)
    assert seen == ["began", "began"]
