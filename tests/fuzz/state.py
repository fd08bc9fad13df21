"""Fuzz targets of what other processes wrote: totals and entries, from the bytes to every surface."""

import base64
import json
import time
import zlib

from fuzz import mutations
from fuzz.target import Target, expect

from hydrochat_otel.fleet import fleet_snapshot, notable
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.fleet.entries import decode_entry, encode_entry, fields_of
from hydrochat_otel.fleet.totals import Totals, decode_totals, encode_totals
from hydrochat_otel.fleet.view import days_of, departed_of
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.prices import budget
from hydrochat_otel.views import formats, history, json_export, money, overview, plain_tables, thresholds, turns
from hydrochat_otel.views.entry_page import Filter
from hydrochat_otel.views.history import Steps
from hydrochat_otel.views.prometheus import negotiate, render
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Sharing

NOW_S = time.time()
ENTRY = Entry(
    "gemini", "generate_content", 1.25, NOW_S, outcome="ok", trace_id=17, span_id=18, parent_span_id=19,
    model="gemini-2.5-pro", tokens=(1, 2, 3, 4, 5), cost_usd=0.25, root_operation="turn", operation_name="turn",
    first_token_s=0.5, attempts=2, retry_wait_s=0.5,
)  # fmt: skip
TURN = Entry("operation", "turn", 2.5, NOW_S, exceeded_threshold=True, trace_id=17, span_id=19, role="root")
SURFACES = ("text/plain", "application/openmetrics-text")


def _snapshot(totals, entries):
    days = days_of(totals)
    contents = fleet_snapshot.contents_of(entries, {}, unix_s=NOW_S, max_entries=1000, ttl_hours=24.0)
    return fleet_snapshot.snapshot_of(
        [one.families for one in totals],
        contents,
        resource=fleet_snapshot.common_resource(totals, instance_is_named=False),
        unix_s=NOW_S,
        budget=budget.budget(days, NOW_S, "UTC", 10.0),
        days=days,
        sharing=Sharing("redis", len(totals)),
    )


def _shown(snapshot):
    """Render a snapshot on every surface; each is valid JSON without NaN, or text that ends with a line."""
    collected = turns.collect(snapshot.entries)
    steps = Steps.over(snapshot.unix_s, 86_400, 3600)
    seen = overview.document(snapshot, thresholds.evaluate(snapshot))
    latest = turns.document(collected, turns.Search(), unix_s=snapshot.unix_s)
    spent = money.document(snapshot)
    for text in (
        json_export.render(snapshot, Filter(entries=True, days=True)),
        formats.encoded(history.from_window(snapshot, steps)),
        formats.encoded(latest),
        formats.encoded(spent),
        formats.encoded(seen),
    ):
        json.loads(text, parse_constant=lambda word: expect(False, f"{word} is in a document"))
    plain_tables.render(seen, spent, latest)
    for accept in SURFACES:
        expect(render(snapshot, negotiate(accept)).endswith(b"\n"), "an exposition is cut off")


def _totals(data):
    try:
        totals = decode_totals(data)
    except DecodingError:
        return "refused"
    again = decode_totals(encode_totals(totals))
    expect(repr(again) == repr(totals), "what was read is written as something else")
    merged = departed_of([totals, totals], {"a": 1}, NOW_S)
    decode_totals(encode_totals(merged))
    _shown(_snapshot([merged, totals, totals._replace(member="b")], [TURN]))
    return "read"


def _entry(data):
    try:
        entry = decode_entry(data)
    except DecodingError:
        return "refused"
    expect(repr(decode_entry(encode_entry(entry))) == repr(entry), "what was read is written as something else")
    _shown(_snapshot([], [TURN, entry._replace(end_unix_s=min(entry.end_unix_s, NOW_S))]))
    return "read"


def _turns(text):
    found = notable.readable_turns(text)
    expect(notable.readable_turns(notable.encode_turns(found)) == found, "what was read is written as something else")
    merged = notable.departed_text([text, text], NOW_S)
    kept = notable.entries_since([text, merged], 0.0)
    collected = turns.collect(turns.with_notable([TURN], kept))
    latest = turns.document(collected, turns.Search(), unix_s=NOW_S)
    for one in (latest, *(turns.waterfall(collected, turn.id) for turn in collected)):
        json.loads(formats.encoded(one), parse_constant=lambda word: expect(False, f"{word} is in a document"))
    return "read" if found else "refused"


def _notable(data):
    return _turns(base64.b64encode(zlib.compress(data)).decode("ascii"))


def _notable_text(data):
    return _turns(data.decode("latin-1"))


def _own_totals():
    snapshot = pipeline.current().snapshot()
    return encode_totals(Totals("a", 1, NOW_S, snapshot.resource, snapshot.families, snapshot.days))


def targets():
    """Return the targets; the seed of totals is what this process has counted."""
    entries = tuple(encode_entry(entry) for entry in (ENTRY, TURN))
    for entry in entries:
        decode_entry(entry)  # a seed that is refused would try nothing
    turn = json.dumps([[fields_of(ENTRY), fields_of(TURN)], [fields_of(TURN)]]).encode()
    text = notable.encode_turns([(ENTRY, TURN)]).encode()
    return (
        Target("notable", _notable, (turn,), mutations.changed_json),
        Target("notable-text", _notable_text, (text,)),
        Target("totals", _totals, (_own_totals(),), mutations.changed_json),
        Target("entries", _entry, entries, mutations.changed_json),
    )
