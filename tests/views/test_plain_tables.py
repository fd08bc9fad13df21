"""Promises of :mod:`hydrochat_otel.views.plain_tables`."""

import dataclasses

import pytest
from factories import counter, snapshot

from hydrochat_otel import semconv
from hydrochat_otel.views import money, overview, plain_tables, thresholds, turns
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Sharing

NOW_S = 1_750_000_000.0


def plain(of):
    """Return the tables of a snapshot, without spaces between the parts."""
    shown = overview.document(of, thresholds.evaluate(of))
    collected = turns.collect(of.entries)
    latest = turns.document(collected, turns.Search(), unix_s=of.unix_s)
    return plain_tables.render(shown, money.document(of), latest)


@pytest.fixture
def filled():
    """Return a snapshot of one slow turn that failed, with one call that has a price and one without."""
    root = {semconv.ROOT_OPERATION: "<b>turn</b>"}
    entries = (
        Entry("gemini", "generate_content", 1.0, NOW_S, trace_id=7, span_id=2, parent_span_id=1, cost_usd=0.25),
        Entry("operation", "<b>turn</b>", 3.0, NOW_S, True, error="<script>", trace_id=7, span_id=1),
    )
    families = (
        counter(semconv.LLM_CALLS, (root, 2)),
        counter(semconv.LLM_COST, ({semconv.GEN_AI_REQUEST_MODEL: "a&b", **root}, 1.5)),
        counter(semconv.LLM_UNPRICED_TOKENS, (root, 4321)),
    )
    return dataclasses.replace(snapshot(unix_s=NOW_S), entries=entries, families=families)


def test_the_tables_are_escaped(filled):
    """No value becomes markup."""
    html = plain(filled)
    assert "<b>" not in html
    assert "<script>" not in html
    assert "&lt;b&gt;turn&lt;/b&gt;" in html
    assert "a&amp;b" in html


def test_money_and_turns_are_there(filled):
    """Beside the overview stand the cost by operation, with what it misses, and the newest turns with their trace."""
    html = plain(filled)
    assert html.count("<table>") == html.count("<caption>") == 8
    cells = (
        '<td class="number">2</td><td class="number">0</td><td class="number">0</td><td class="number">1.500000</td>'
    )
    assert f'&lt;b&gt;turn&lt;/b&gt;</th>{cells}<td class="number">4,321</td>' in html
    assert (
        '<td class="number">0.250000</td><td>slow, &lt;script&gt;</td><td>00000000000000000000000000000007</td>' in html
    )


def test_an_unknown_cost_is_no_zero():
    """An operation whose calls have no price shows `unknown`."""
    root = {semconv.ROOT_OPERATION: "turn"}
    families = (counter(semconv.LLM_CALLS, (root, 1)), counter(semconv.LLM_UNPRICED_TOKENS, (root, 4321)))
    html = plain(dataclasses.replace(snapshot(), families=families))
    assert '<td class="number">unknown</td><td class="number">4,321</td>' in html


def test_the_state_and_the_budget_are_there():
    """The problem of a shared state is a sentence, and the budget is a number."""
    of = dataclasses.replace(
        snapshot(),
        budget=Budget(1.0, 150.0, None, 300.0),
        sharing=Sharing("redis", 1, 7.5, "Redis <b>does not answer</b>."),
    )
    html = plain(of)
    assert "Numbers of 1 process; state: redis. Redis &lt;b&gt;does not answer&lt;/b&gt;." in html
    assert "300.000000" in html
    html = plain(dataclasses.replace(of, sharing=Sharing("redis", 2, notice="Set a name.")))
    assert "Numbers of 2 processes; state: redis. Set a name." in html
