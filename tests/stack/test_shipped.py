import pytest
from click.testing import CliRunner

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.cli.dashboards import dashboards
from hydrochat_otel.cli.rules import rules

COMMANDS = [(dashboards, "dashboards"), (rules, "rules")]


@pytest.mark.parametrize(("command", "folder"), COMMANDS)
def test_export_writes_what_is_shipped(command, folder, tmp_path):
    """`export DIR` makes the directory, writes every file, and prints their paths."""
    target = tmp_path / "new" / folder
    result = CliRunner().invoke(command, ["export", str(target)])
    written = {path.name: path.read_bytes() for path in target.iterdir()}
    assert result.exit_code == 0
    assert written == {one.name: one.read_bytes() for one in shipped_assets.assets(folder)}
    assert result.output.splitlines() == [str(target / name) for name in sorted(written)]


@pytest.mark.parametrize(("command", "folder"), COMMANDS)
def test_export_writes_over_nothing_that_was_edited(command, folder, tmp_path):
    """An edited file stops the export before anything is written; `--force` writes over it."""
    first, *_ = shipped_assets.export(folder, tmp_path)
    first.write_text("mine")
    result = CliRunner().invoke(command, ["export", str(tmp_path)])
    assert (result.exit_code, first.read_text()) == (2, "mine")
    assert f"has another {first.name}; use --force to write over it." in result.output
    assert CliRunner().invoke(command, ["export", "--force", str(tmp_path)]).exit_code == 0
    assert first.read_bytes() == shipped_assets.assets(folder)[0].read_bytes()


def test_exporting_again_is_no_conflict(tmp_path):
    """What was not edited may be exported again."""
    assert shipped_assets.export("rules", tmp_path) == shipped_assets.export("rules", tmp_path)


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
    """A file where the directory should be gives one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(shipped_assets.ExportError, match="cannot be written: "):
        shipped_assets.export("rules", tmp_path / "file")
