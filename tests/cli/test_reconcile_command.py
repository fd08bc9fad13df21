"""Promises of ``hydrochat-otel reconcile``."""

import json

import pytest
from click.testing import CliRunner
from misbehaving import listening, says
from prices.reconcile import bill_files
from prices.reconcile.bills import CHARGES, SHAPES

from hydrochat_otel.cli.reconcile import reconcile

BILL = "date,model,tokens,cost\n2025-10-01,gemini-2.5-flash,1000,0.10\n2025-10-02,gemini-2.5-flash,500,0.05\n"
METERED = "date,model,tokens,cost\n2025-10-01,gemini-2.5-flash,990,0.099\n2025-10-02,gemini-2.5-flash,500,0.05\n"


@pytest.fixture
def written(tmp_path):
    """Makes a file with a text."""

    def write(text, name="billing.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def command(*arguments, **options):
    """Run the command."""
    return CliRunner().invoke(reconcile, [str(argument) for argument in arguments], **options)


def test_the_command_prints_each_day_and_the_whole(written):
    """Two sides, coverage and difference; status 0, or 1 if the whole differs by more than the tolerance."""
    files = (written(BILL), "--metered", written(METERED, "metered.csv"))
    done = command(*files)
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[1] == ["2025-10-01", "gemini-2.5-flash", "990", "1,000", "99.00%", "0.099000", "0.100000", "0.001000"]
    assert lines[2] == ["2025-10-02", "gemini-2.5-flash", "500", "500", "100.00%", "0.050000", "0.050000", "0.000000"]
    assert lines[-1] == ["all", "1,490", "1,500", "99.33%", "0.149000", "0.150000", "0.001000"]
    assert [done.exit_code, command(*files, "--fail-above", 1).exit_code] == [0, 0]
    failed = command(*files, "--fail-above", 0.5)
    assert (failed.exit_code, failed.stderr) == (1, "Error: The two differ by 0.67 %.\n")


@pytest.mark.parametrize("name", SHAPES)
def test_json_has_the_same_numbers(written, name):
    """The JSON of a file of each shape has both sides, exact dollars and a coverage of 1."""
    table = bill_files.written([("date", "model", "tokens", "cost"), *CHARGES])
    done = command(written(SHAPES[name][0]), "--metered", written(table, "metered.csv"), "--json", "--fail-above", 0)
    found = json.loads(done.stdout)
    assert (done.exit_code, found["shape"], found["total"]["coverage"]) == (0, SHAPES[name][1], 1.0)
    assert float(found["total"]["difference_usd"]) == 0
    assert {row["coverage"] for row in found["rows"]} == {1.0}


def test_an_incomparable_file_is_one_sentence(written, tmp_path):
    """No file, no header, no line of a model, a wrong option: status 2."""
    bill, foreign = written(BILL), written("date,model,cost\n2025-10-01,Cloud Run,1\n", "x.csv")
    for arguments, sentence in (
        ((tmp_path / "none.csv", "--metered", bill), "cannot be read (No such file or directory)."),
        ((tmp_path, "--metered", bill), "cannot be read (Is a directory)."),
        ((foreign, "--metered", foreign), "has no line of a model to compare."),
        ((bill, "--metered", bill, "--zone", "Mars"), "is not a time zone"),
        ((bill, "--metered", bill, "--period", "2025-13"), "--period must be a month"),
    ):
        done = command(*arguments)
        assert (done.exit_code, sentence in done.stderr) == (2, True)
        assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"__name__": 1}, "values": []}]}},
        {"status": "error", "errorType": "bad_data", "error": "\x1b[31mred\x1b[0m [bold]"},
        b"<html>",
    ],
)
def test_a_wrong_answer_of_prometheus_is_one_sentence_without_its_password(written, answer):
    """Status 1, no escape sequence of a terminal, no user and no password."""
    with listening(says(answer)) as url:
        done = command(written(BILL), "--metered", url.replace("//", "//reader:of-the-tests@"))
    assert (done.exit_code, done.stderr.startswith("Error: Prometheus at 127.0.0.1:")) == (1, True)
    assert not {"\x1b", "reader", "of-the-tests"} & {*done.stderr, *done.stderr.replace("@", " ").split()}
    assert "of-the-tests" not in done.stderr


def test_the_prometheus_of_the_settings_is_queried(written):
    """HYDROCHAT_PROMETHEUS_URL is the default; an empty Prometheus gives 0 % coverage with a reason."""
    empty = {"status": "success", "data": {"resultType": "matrix", "result": []}}
    with listening(says(empty)) as url:
        done = command(written(BILL), env={"HYDROCHAT_PROMETHEUS_URL": url})
    assert done.exit_code == 0
    assert "0.00%" in done.stdout
    assert "nothing was metered: another project or service" in done.stdout


def test_a_bill_comes_from_standard_input(written):
    """A dash reads a pipe."""
    done = command("-", "--metered", written(METERED, "metered.csv"), input=BILL)
    assert (done.exit_code, "99.33%" in done.stdout) == (0, True)


def test_markup_in_a_file_is_text(written):
    """A model whose name looks like markup of the terminal library is printed as it is."""
    text = "date,model,tokens\n2025-10-01,[red]gemini-2.5-flash[/red],1\n2025-10-01,gemini [/bold] x,1\n"
    done = command(written(text), "--metered", written(METERED, "metered.csv"))
    assert (done.exit_code, "(unknown model)" in done.stdout) == (0, True)
