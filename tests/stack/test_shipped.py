import json

import pytest
import yaml
from click.testing import CliRunner

from hydrochat_otel import __version__
from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.dashboards import dashboards
from hydrochat_otel.cli.rules import rules

COMMANDS = [(dashboards, "dashboards"), (rules, "rules")]


def shipped(folder):
    return {one.name: one.read_bytes() for one in shipped_assets.assets(folder)}


def content(file):
    """Return an exported file without its line of version and hash."""
    text = file.read_text()
    return json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)


@pytest.mark.parametrize(("command", "folder"), COMMANDS)
def test_export_writes_what_is_shipped(command, folder, tmp_path):
    """`export DIR` makes the directory, writes every file with version and hash, and prints their paths."""
    target = tmp_path / "new" / folder
    result = CliRunner().invoke(command, ["export", str(target)])
    written = sorted(target.iterdir())
    assert (result.exit_code, result.output.splitlines()) == (0, [str(path) for path in written])
    assert {path.name for path in written} == set(shipped(folder))
    for path in written:
        found, original = content(path), shipped(folder)[path.name].decode()
        if path.suffix == ".json":
            found.pop("__hydrochat_otel")
        assert found == (json.loads(original) if path.suffix == ".json" else yaml.safe_load(original))
        first = path.read_text().splitlines()[path.suffix == ".json"]
        assert f"exported by hydrochat-otel {__version__}, sha256 " in first


@pytest.mark.parametrize(("command", "folder"), COMMANDS)
def test_an_upgrade_replaces_what_was_not_edited_and_keeps_the_rest(command, folder, tmp_path, monkeypatch):
    """The files of another version are replaced, an edited one is kept with its diff, `--force` replaces it, too."""
    with monkeypatch.context() as older:
        older.setattr(shipped_assets, "_targets", lambda *_: older_targets(folder, tmp_path))
        older.setattr(shipped_assets, "__version__", "0.0.9")
        first, *rest = shipped_assets.export(folder, tmp_path).written
    first.write_text(first.read_text().replace("older", "mine"))
    result = CliRunner().invoke(command, ["export", str(tmp_path)])
    assert (result.exit_code, result.stdout.splitlines()) == (1, [str(path) for path in rest])
    assert result.stderr.startswith(f"Error: Kept {first.name}, edited since the export: --diff shows")
    assert all(b"older" not in path.read_bytes() for path in rest)
    difference = CliRunner().invoke(command, ["export", "--diff", str(tmp_path)]).stdout
    assert ("mine" in difference, difference.count("+++ ")) == (True, 1)
    assert CliRunner().invoke(command, ["export", "--force", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(command, ["export", "--diff", str(tmp_path)]).stdout == ""


def older_targets(folder, directory):
    """Return the files of an older version, each with another last line."""
    for name, text in shipped(folder).items():
        older = b'{\n  "older": 1,\n' + text[2:] if name.endswith(".json") else text + b"# older\n"
        yield directory / name, older


def test_a_file_of_an_export_without_a_stamp(tmp_path):
    """A shipped file is not edited, with or without a stamp; any other file without one is."""
    name, text = next(iter(shipped("rules").items()))
    (tmp_path / name).write_bytes(text)
    assert shipped_assets.export("rules", tmp_path).kept == []
    (tmp_path / name).write_text("mine")
    assert shipped_assets.export("rules", tmp_path).kept == [tmp_path / name]
    assert (tmp_path / name).read_text() == "mine"


def test_exporting_again_is_no_conflict(tmp_path):
    """An unedited file may be exported again."""
    assert shipped_assets.export("rules", tmp_path) == shipped_assets.export("rules", tmp_path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    """A file where the directory should be gives one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(shipped_assets.ExportError, match="cannot be written: "):
        shipped_assets.export("rules", tmp_path / "file")
