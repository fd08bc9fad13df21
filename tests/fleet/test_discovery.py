"""Promises of :mod:`hydrochat_otel.fleet.discovery`: where processes share, and that other users cannot join."""

import os
import subprocess
import sys
import time

import pytest

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.discovery import Location, fleet_of, service_of
from hydrochat_otel.web import METRICS_PATH, Request, respond


@pytest.fixture
def run_directory(tmp_path, monkeypatch):
    """The user's own runtime directory, as a login creates it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "hydrochat-otel"


def automatic():
    return Location("auto", "chat", Bounds())


def meet(location):
    """Do what a forked child does."""
    location.after_fork_in_child()
    return location.backend()


def test_a_single_process_makes_no_file(run_directory):
    """No file and no directory is made for one process."""
    assert automatic().backend() is None
    assert Location("memory", "chat", Bounds()).backend() is None
    assert not run_directory.exists()


def test_a_child_meets_its_parent(run_directory):
    """After a fork the child makes the place, private to the user, and the parent finds it."""
    parent, child = automatic(), automatic()
    backend = meet(child)
    backend.exchange(None, 0, read=False)
    backend.close()
    [file] = run_directory.glob("*.db")
    assert file.name.startswith(f"{os.getpid()}-")
    assert (run_directory.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert parent.backend().kind == "sqlite"


@pytest.mark.parametrize("age_s", [0, 60])
def test_a_file_that_is_made_later_is_found(run_directory, age_s):
    """Also in the moment after another file was, and after looks at a directory that did not change."""
    run_directory.mkdir(mode=0o700)
    other = run_directory / "1-other.db"
    other.touch()
    changed_ns = time.time_ns() - age_s * 1_000_000_000
    os.utime(run_directory, ns=(changed_ns, changed_ns))
    parent, child = automatic(), automatic()
    assert [parent.backend() for _ in range(3)] == [None] * 3
    backend = meet(child)
    backend.exchange(None, 0, read=False)
    backend.close()
    if not age_s:
        os.utime(run_directory, ns=(changed_ns, changed_ns))
    assert parent.backend().kind == "sqlite"


def test_another_runtime_directory_is_looked_into(run_directory, tmp_path, monkeypatch):
    """A variable that changes while the process runs counts at the next look."""
    parent = automatic()
    assert parent.backend() is None
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "other"))
    backend = meet(automatic())
    backend.exchange(None, 0, read=False)
    backend.close()
    assert parent.backend().kind == "sqlite"


def test_without_a_runtime_directory_it_is_in_the_temporary_one(tmp_path, monkeypatch):
    """Containers have no runtime directory; the temporary directory is used instead, one per user."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    meet(automatic())
    assert [one.name for one in tmp_path.iterdir()] == [f"hydrochat-otel-{os.getuid()}"]


def test_a_place_that_others_can_enter_is_refused(run_directory):
    """A directory of the name that others can read is not used, and the sentence says what to do."""
    run_directory.mkdir()
    run_directory.chmod(0o755)
    with pytest.raises(StateError, match=r"is readable by others, or no directory\. Remove it, or set HYDROCHAT_STATE"):
        meet(automatic())


def test_a_symbolic_link_is_refused(run_directory, tmp_path):
    """A symbolic link in the place of the directory is not followed."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    run_directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is readable by others, or no directory"):
        meet(automatic())


def test_a_directory_that_cannot_be_made_is_named(run_directory):
    """If something else has the directory's name, a sentence says so."""
    run_directory.write_text("")
    with pytest.raises(StateError, match=r"failed \(File exists\)\. Set HYDROCHAT_STATE to sqlite:///path"):
        meet(automatic())


def test_places_of_processes_that_ended_long_ago_are_removed(run_directory):
    """Files of ended leaders are removed at the next start; those of a running leader, or written lately, stay."""
    run_directory.mkdir(mode=0o700)
    long_ago = time.time() - 7200
    ended, writing = run_directory / "4194305-1.db", run_directory / "4194306-1.db"
    for file in (ended, run_directory / "4194305-1.db-wal", writing):
        file.write_text("")
        os.utime(file, (long_ago, long_ago))
    (run_directory / "4194306-1.db-wal").write_text("")
    meet(automatic())
    assert sorted(file.name for file in run_directory.glob("419*")) == ["4194306-1.db", "4194306-1.db-wal"]


CHILD = """
import os, sys
from hydrochat_otel.fleet.bounds import Bounds
from hydrochat_otel.fleet.discovery import Location
place = Location("auto", "chat", Bounds())
print(os.getppid(), place._leader.split("-")[0], place.backend() is not None, flush=True)
"""


def test_another_program_does_not_share(run_directory):
    """A child process that runs another program does not share with its parent."""
    output = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True).stdout.split()
    assert (output[1] != output[0], output[2]) == (True, "False")


def test_a_worker_that_was_forked_before_the_import_meets_its_siblings(run_directory):
    """A server's worker that imports the application by itself finds the others by their parent."""
    forking = (
        f"import os\nfor _ in range(2):\n    if os.fork() == 0:\n        {'; '.join(CHILD.strip().splitlines())}\n"
    )
    forking += "        os._exit(0)\n    os.wait()\n"
    output = subprocess.run([sys.executable, "-c", forking], capture_output=True, text=True, check=True).stdout.split()
    parent = output[0]
    assert output == [parent, parent, "True"] * 2


def test_a_spawned_worker_meets_its_siblings(run_directory):
    """A worker that multiprocessing spawned finds the others by their parent."""
    output = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.orig_argv.append('--multiprocessing-fork')\n{CHILD}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert (output[1], output[2]) == (output[0], "True")


GENERATIONS = """
import multiprocessing, os, sys
from hydrochat_otel.fleet.bounds import Bounds
from hydrochat_otel.fleet.discovery import Location

def live(left):
    print(Location("auto", "chat", Bounds())._leader.split("-")[0], flush=True)
    if left:
        child = multiprocessing.get_context(sys.argv[1]).Process(target=live, args=(left - 1,))
        child.start()
        child.join()

if __name__ == "__main__":
    print(os.getpid(), flush=True)
    live(3)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_workers_meet_the_first_of_them(run_directory, tmp_path, method):
    """However multiprocessing makes a child and its children, all name the same ancestor."""
    script = tmp_path / "generations.py"
    script.write_text(GENERATIONS)
    command = [sys.executable, str(script), method]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert output == [output[0]] * 5


def test_a_fleet_is_named_without_a_secret():
    """Processes of the same state have the same name, whatever user they sign in as; others have another one."""
    shared = fleet_of("redis://chat:secret@store:6379/2", "chat")
    assert fleet_of("redis://store:6379/2", "chat") == shared
    others = [
        ("redis://store:6379/3", "chat"),
        ("sqlite:///2", "chat"),
        ("auto", "chat"),
        ("redis://store:6379/2", "b"),
    ]
    assert len({shared, *(fleet_of(*other) for other in others)}) == 5
    assert fleet_of("auto", "chat") == fleet_of("memory", "chat")
    assert len({service_of(fleet_of("redis://store:6379/3", name)) for name in ("chat", "chat", "b")}) == 2
    assert "secret" not in shared


@pytest.mark.parametrize("beginning", ["sqlite://", "sqlite:///"])
def test_a_path_is_absolute_however_many_slashes_begin_it(tmp_path, beginning):
    """Workers of different working directories share the same file."""
    backend = Location(f"{beginning}{tmp_path}/state.db", "chat", Bounds()).backend()
    backend.exchange(None, 0, read=False)
    backend.close()
    assert (tmp_path / "state.db").exists()


def test_where_processes_cannot_fork_each_is_on_its_own(run_directory):
    """Without forks and file locks the package works in memory; an SQLite state is refused with a sentence."""
    script = """
import os, sys
del os.fork, os.register_at_fork
sys.modules["fcntl"] = None
import hydrochat_otel
sys.orig_argv.append("--multiprocessing-fork")
print(hydrochat_otel.install(instrument_gemini=False).snapshot().sharing.state)
hydrochat_otel.shutdown()
try:
    hydrochat_otel.install(state="sqlite:///state.db")
except hydrochat_otel.PipelineError as error:
    print(error)
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output == ("memory\nHYDROCHAT_STATE names an SQLite file, which is shared on POSIX only: name a Redis.\n")


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A host on which this process can write nothing: a container with a read-only root and no temporary directory."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    return tmp_path


def test_a_process_on_its_own_needs_no_file(nowhere, install):
    """On a read-only file system a single process with default settings answers 200."""
    assert automatic().backend() is None
    install()
    found = respond(Request("GET", METRICS_PATH, {"authorization": "Bearer token-of-the-tests-1234"}))
    assert found.status == 200


def test_several_processes_without_a_writable_directory_get_a_sentence(nowhere):
    """The sentence names what was tried and what to set."""
    with pytest.raises(StateError, match=r"neither XDG_RUNTIME_DIR nor TMPDIR nor /tmp is writable\. Set HYDRO"):
        meet(automatic())


@pytest.mark.parametrize("given", ["relative", "/does/not/exist", "", "\0", "/etc/passwd"])
def test_an_odd_temporary_directory_is_passed_over(monkeypatch, given):
    """Processes share even if TMPDIR or XDG_RUNTIME_DIR is not a directory of this user."""
    if "\0" not in given:
        monkeypatch.setenv("XDG_RUNTIME_DIR", given)
        monkeypatch.setenv("TMPDIR", given)
    assert meet(automatic()).kind == "sqlite"


@pytest.mark.parametrize("made", ["file", "link", "open directory"])
def test_a_run_directory_that_another_user_made_is_named(run_directory, tmp_path, made, install):
    """What has the name of the run directory is not used: several processes get one sentence, a single one works."""
    if made == "file":
        run_directory.write_text("")
    elif made == "link":
        run_directory.symlink_to(tmp_path / "elsewhere")
    else:
        run_directory.mkdir(mode=0o777)
        run_directory.chmod(0o777)
    with pytest.raises(StateError, match=r"Several processes cannot share their numbers: .* [sS]et HYDROCHAT_STATE"):
        meet(automatic())
    install()
    found = respond(Request("GET", METRICS_PATH, {"authorization": "Bearer token-of-the-tests-1234"}))
    assert found.status == 200


def test_services_of_one_parent_meet_in_files_of_their_own(run_directory):
    """Two services that descend from one process do not share numbers."""
    for service in ("chat", "mail"):
        backend = meet(Location("auto", service, Bounds()))
        backend.exchange(None, 0, read=False)
        backend.close()
    assert len(list(run_directory.glob("*.db"))) == 2
