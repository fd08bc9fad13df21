"""Promises of :mod:`hydrochat_otel.fleet.notable`: each process shows the notable turns of all, and believes none."""

import base64
import json
import os
import subprocess
import sys
import textwrap
import zlib

import orjson
import pytest
from conftest import TOKEN
from fleet.in_memory_backend import Store
from fleet.processes import eventually
from fleet.workers import Worker

from hydrochat_otel import web
from hydrochat_otel.fleet import entries, notable
from hydrochat_otel.fleet.totals import decode_totals, encode_totals
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures
from hydrochat_otel.web import Request, respond
from hydrochat_otel.window.entry import Entry

pytest_plugins = ["fleet.redis_fixtures"]


def turn(number, *, steps=2, end_s=1_000.0, error="E", cost_usd=0.01, took_s=1.0):
    """Return a failed turn with calls."""
    calls = [
        Entry("gemini", "generate_content", 0.1, end_s, trace_id=number, span_id=10 + step, cost_usd=cost_usd,
              root_operation="turn") for step in range(steps)
    ]  # fmt: skip
    return (*calls, Entry("operation", "turn", took_s, end_s, False, error, "error", number, 1, role="root"))


def text_of(value):
    return base64.b64encode(zlib.compress(orjson.dumps(value))).decode()


def objects(one):
    return [entries.fields_of(entry) for entry in one]


class Turning(Worker):
    """A process with notable turns."""

    turns = ()

    def collect(self):
        return super().collect()._replace(notable=self.turns)


def shown(worker, since_s=0.0):
    return notable.entries_since((one.notable for one in worker.member.view.totals), since_s)


@pytest.fixture
def store():
    return Store()


def test_turns_come_back_as_they_were():
    """Turns are read whole, and in their order."""
    turns = tuple(turn(number, steps=number) for number in range(1, 8))
    assert notable.readable_turns(notable.encode_turns(turns)) == turns
    assert (notable.encode_turns(()), notable.readable_turns("")) == ("", ())


def test_turns_of_all_members_are_read(store):
    """Each member sees the turns of every other one; those of a member that ended stay, each once."""
    one, two = Turning(store), Turning(store)
    one.turns = tuple(turn(number, end_s=store.now_s) for number in (1, 2))
    two.turns = (turn(3, end_s=store.now_s),)
    for worker in (one, two):
        worker.work()
        worker.publish(store)
    two.read(store)
    assert {entry.trace_id for entry in shown(two)} == {1, 2, 3}
    one.publish(store, leaving=True)
    two.publish(store)
    two.read(store)
    assert store.version == 1
    assert sorted(entry.trace_id for entry in shown(two) if entry.role == "root") == [1, 2, 3]
    assert shown(two, since_s=store.now_s + 1) == []


def test_the_departed_ones_are_bounded():
    """Of all departed members together the most notable turns of one day remain."""
    old, new = 1_000.0, 1_000.0 + 90_000.0
    texts = [
        notable.encode_turns([turn(100 * part + number, end_s=new, took_s=float(number)) for number in range(20)])
        for part in range(1, 11)
    ]
    expired = notable.encode_turns([turn(5_000, end_s=old, cost_usd=100.0)])
    kept = notable.readable_turns(notable.departed_text([*texts, expired], new))
    assert 17 <= len(kept) <= 51
    assert 5_000 not in {one[-1].trace_id for one in kept}


def test_what_is_published_is_bounded():
    """Whole turns are published up to a number of entries; a huge one is left out, and smaller ones still travel."""
    turns = [turn(1, steps=500), *(turn(number, steps=99) for number in range(2, 20))]
    read = notable.readable_turns(notable.encode_turns(turns))
    assert [one[-1].trace_id for one in read] == [2, 3, 4, 5]
    assert len(notable.encode_turns(turns)) < 16_000


@pytest.mark.parametrize(
    "text",
    [
        "not base 64 \u00e4",
        base64.b64encode(b"not compressed").decode(),
        notable.encode_turns([turn(1)])[:-8],
        base64.b64encode(zlib.compress(b"0" * 80_000_000)).decode(),
        text_of({}),
        text_of([objects(turn(number)) for number in range(1, 200)]),
    ],
    ids=["letters", "deflate", "cut", "bomb", "shape", "many"],
)
def test_a_text_that_no_member_writes_is_left_out(text):
    """A damaged, huge or foreign text shows no turn, and is counted."""
    assert notable.readable_turns(text) == ()
    assert failures.counts() == {"state.record": 1}


@pytest.mark.parametrize(
    "bad",
    [
        [],
        "turn",
        objects(turn(1))[:-1],
        [*objects(turn(1)), *objects(turn(2))],
        [{**objects(turn(1))[-1], "operation": 5}],
        [{**objects(turn(1))[-1], "cost_usd": -1}],
    ],
    ids=["empty", "word", "no root", "two traces", "type", "range"],
)
def test_a_turn_that_fails_its_check_costs_itself_alone(bad):
    """One bad turn is left out and counted; the others are shown."""
    assert notable.readable_turns(text_of([bad, objects(turn(7))])) == (turn(7),)
    assert failures.counts() == {"state.record": 1}


@pytest.mark.parametrize("value", [5, [], "x" * (notable.MAX_TEXT + 1)], ids=["number", "list", "long"])
def test_totals_stay_if_their_turns_do_not_pass(value):
    """A member whose turns are refused still counts; totals of a version without turns are read."""
    worker = Worker(Store())
    worker.work(3)
    data = encode_totals(worker.member.own_totals(worker.collect()))
    raw = orjson.loads(data)
    assert decode_totals(orjson.dumps({**raw, "notable": value})) == decode_totals(data)
    assert failures.counts() == {"state.record": 1}
    del raw["notable"]
    assert decode_totals(orjson.dumps(raw)) == decode_totals(data)


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.real)])
def state(request, tmp_path):
    """The address of a new state."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/state.db"
    return request.getfixturevalue("shared")("alone").url


WORKER = """
    import sys, time, hydrochat_otel
    hydrochat_otel.install(instrument_gemini=False)
    try:
        with hydrochat_otel.track_response_time("turn.of.the.other"):
            raise ValueError
    except ValueError:
        pass
    for _ in range(100):
        with hydrochat_otel.track_response_time("quick"):
            pass
    print("done", flush=True)
    sys.stdin.read()
"""


def listed():
    request = Request("GET", web.TURNS_PATH, {"authorization": f"Bearer {TOKEN}"}, query="outcome=failed")
    return json.loads(respond(request).body)["turns"]


def test_the_page_of_one_worker_has_the_turns_of_another(install, state, tmp_path):
    """A failed turn of another process is listed and opens, after it left the window, and after that process ended."""
    settings = {"METRICS_MAX_ENTRIES": "20", "HYDROCHAT_STATE": state, "HYDROCHAT_PUBLISH_INTERVAL": "0.1",
                "OTEL_SERVICE_NAME": f"notable-{os.getpid()}-{tmp_path.name}"}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        install(instrument_gemini=False)
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert program.stdout.readline() == "done\n"
            eventually(lambda: [one["operation"] for one in listed()] == ["turn.of.the.other"], 60)
            assert {entry.operation for entry in pipeline.current().snapshot().entries} == {"quick"}
        finally:
            program.stdin.close()
            program.wait(30)
        [found] = listed()
        request = Request("GET", web.TURNS_PATH, {"authorization": f"Bearer {TOKEN}"}, query=f"turn={found['id']}")
        assert json.loads(respond(request).body)["rows"][0]["error"] == "ValueError"
