"""Promises of ``hydrochat-otel reconcile``, :mod:`hydrochat_otel.prices.reconcile.billing_export` and ``metered``."""

import http.server
import json
import threading
import urllib.parse
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from click.testing import CliRunner

from hydrochat_otel import semconv
from hydrochat_otel.cli.reconcile import reconcile
from hydrochat_otel.prices.reconcile import prometheus_totals
from hydrochat_otel.prices.reconcile.billing_export import Amount, BillingError, compare, read_billing
from hydrochat_otel.views.prometheus import naming

DAY = date(2025, 10, 1)
MODELS = ["gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.0-flash"]


def written(tmp_path, text, name="billing.csv"):
    """A file with this text."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_skus_are_the_longest_model_that_they_name(tmp_path):
    """Google's own column names, thousands separators, dollar signs, credits, and lines of other services."""
    path = written(
        tmp_path,
        "\ufeffUsage start date,SKU description,Usage amount,Cost ($)\n"
        '2025-10-01T00:00:00,Gemini 2.5 Flash Lite Text Input - Predictions,"1,000,000",$0.10\n'
        "2025-10-01,Gemini 2.5 Flash Text Output - Predictions,100000,0.25\n"
        "2025-10-01,Gemini 2.5 Flash Text Output - Predictions,-1000,-0.0025\n"
        "2025-10-01,models/gemini-2.0-flash-001,7,\n"
        "\n"
        "2025-10-01,Gemini 9 Ultra Input,3,0.5\n"
        "2025-10-01,Cloud Run CPU,5,3.00\n",
    )
    assert read_billing(path, MODELS) == {
        (DAY, "gemini-2.5-flash-lite"): Amount(1_000_000, Decimal("0.10")),
        (DAY, "gemini-2.5-flash"): Amount(99_000, Decimal("0.2475")),
        (DAY, "gemini-2.0-flash"): Amount(7, None),
        (DAY, "(unknown model)"): Amount(3, Decimal("0.5")),
        (DAY, "(no model)"): Amount(5, Decimal("3.00")),
    }


def test_both_sides_are_compared_for_each_day_and_model():
    """Coverage and difference; what a side does not have is zero, what it does not tell is unknown."""
    ours = {(DAY, "a"): Amount(90, Decimal("0.9")), (DAY, "ours"): Amount(5, Decimal("0.1"))}
    theirs = {(DAY, "a"): Amount(100, Decimal(1)), (DAY, "theirs"): Amount(7, None), (DAY, "(no model)"): Amount(1)}
    rows = [(row.model, row.coverage, row.difference_usd) for row in compare(ours, theirs)]
    assert rows == [("a", 0.9, Decimal("0.1")), ("ours", None, Decimal("-0.1")), ("theirs", 0.0, None)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no column for the date: one of date, day,"),
        ("date,tokens\n", "has no column for the model: one of model, sku,"),
        ("date,model\n", "has neither tokens nor costs: one of tokens,"),
        ("date,model,cost\nsoon,x,1\n", "line 2: 'soon' is no date such as 2025-10-01."),
        ("date,model,cost\n2025-10-01,x,dear\n", "line 2: 'dear' is no number of cost."),
        ("date,model,tokens\n2025-10-01,x,nan\n", "line 2: 'nan' is no number of tokens."),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path, text, sentence):
    """One sentence."""
    path = written(tmp_path, text)
    with pytest.raises(BillingError) as caught:
        read_billing(path, MODELS)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)


BILL = "date,model,tokens,cost\n2025-10-01,gemini-2.5-flash,1000,0.10\n2025-10-02,gemini-2.5-flash,500,0.05\n"
METERED = "date,model,tokens,cost\n2025-10-01,gemini-2.5-flash,990,0.099\n2025-10-02,gemini-2.5-flash,500,0.05\n"


def command(*arguments):
    """Run the command."""
    return CliRunner().invoke(reconcile, [str(argument) for argument in arguments])


def test_the_command_prints_each_day_and_the_whole(tmp_path):
    """Two sides, coverage and difference; exit code 0, or 1 where the whole differs by more than is allowed."""
    files = (written(tmp_path, BILL), "--metered", written(tmp_path, METERED, "metered.csv"))
    done = command(*files)
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[1] == ["2025-10-01", "gemini-2.5-flash", "990", "1,000", "99.00%", "0.099000", "0.100000", "0.001000"]
    assert lines[2] == ["2025-10-02", "gemini-2.5-flash", "500", "500", "100.00%", "0.050000", "0.050000", "0.000000"]
    assert lines[-1] == ["all", "1,490", "1,500", "99.33%", "0.149000", "0.150000", "0.001000"]
    assert [done.exit_code, command(*files, "--fail-above", 1).exit_code] == [0, 0]
    failed = command(*files, "--fail-above", 0.5)
    assert (failed.exit_code, failed.stderr) == (1, "Error: The two differ by 0.67 %.\n")


def test_what_cannot_be_compared_is_one_sentence(tmp_path):
    """No file, no server, no line of a model: exit code 2."""
    bill, foreign = written(tmp_path, BILL), written(tmp_path, "date,model,cost\n2025-10-01,Cloud Run,1\n", "x.csv")
    for arguments, sentence in (
        ((tmp_path / "none.csv",), "cannot be read (No such file or directory)."),
        ((bill, "--metered", "http://127.0.0.1:9"), "http://127.0.0.1:9 does not answer as a Prometheus server does"),
        ((foreign, "--metered", foreign), "has no line of a model to compare."),
    ):
        done = command(*arguments)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert sentence in done.stderr


@pytest.mark.parametrize(
    ("before", "values", "grown"),
    [(None, [5, 8], 8), (5, [5, 8], 3), (5, [8, 2, 4], 7), (None, [], 0), (5, [], 0), (9, [3], 3)],
)
def test_an_increase_is_exact_over_births_and_resets(before, values, grown):
    """From raw samples: a series that is born counts from 0, and one that starts over counts what it has since."""
    assert prometheus_totals.increase(None if before is None else Decimal(before), map(Decimal, values)) == grown


@contextmanager
def prometheus(answers):
    """A server that answers queries as Prometheus does; unknown ones with nothing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            result = answers.get((asked["query"][0], float(asked["time"][0])), [])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"status": "success", "data": {"result": result}}).encode())

        def log_message(self, *_):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_metered_amounts_come_from_prometheus():
    """Tokens and dollars by day and model, over several workers and buckets."""
    start = datetime(2025, 10, 1, tzinfo=UTC).timestamp()
    fresh, answer = (
        {"__name__": prometheus_totals.TOKENS, "gen_ai_request_model": "gemini-2.5-flash", "instance": instance}
        for instance in ("a", "b")
    )
    cost = {"__name__": prometheus_totals.COST, "gen_ai_request_model": "gemini-2.5-flash-001"}
    answers = {
        (prometheus_totals.TOKENS, start): [{"metric": fresh, "value": [start, "100"]}],
        (f"{prometheus_totals.TOKENS}[86400s]", start + 86_400): [
            {"metric": fresh, "values": [[start + 1, "110"], [start + 2, "30"]]},
            {"metric": answer, "values": [[start + 5, "7"]]},
        ],
        (f"{prometheus_totals.COST}[86400s]", start + 86_400): [{"metric": cost, "values": [[start + 1, "0.25"]]}],
    }
    with prometheus(answers) as url:
        assert prometheus_totals.read_prometheus(url, [DAY]) == {(DAY, "gemini-2.5-flash"): Amount(47, Decimal("0.25"))}


def test_the_names_asked_for_are_those_exposed():
    """A renamed metric would otherwise reconcile to zero in silence."""
    for spec, name in ((semconv.LLM_TOKENS, prometheus_totals.TOKENS), (semconv.LLM_COST, prometheus_totals.COST)):
        assert f"{naming.family_name(spec.name, spec.unit, is_counter=True)[0]}_total" == name
    assert naming.labels({semconv.GEN_AI_REQUEST_MODEL: "x"}) == 'gen_ai_request_model="x"'
