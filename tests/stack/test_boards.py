"""Promises of every panel of every dashboard."""

import json
import re
from collections import defaultdict

import pytest

from hydrochat_otel.stack import generated
from hydrochat_otel.stack.look import (
    BY_OUTCOME,
    BY_STATUS,
    GREEN,
    NEUTRAL,
    NO_BUDGET,
    NO_RULES,
    NOTHING_FAILED,
    RED,
    Limits,
)

BOARDS = [json.loads(text) for path, text in generated.files().items() if path.startswith("dashboards/")]


def panels(*kinds):
    return [
        (board["uid"], panel)
        for board in BOARDS
        for panel in board["panels"]
        if panel["type"] != "row" and (not kinds or panel["type"] in kinds)
    ]


def defaults(panel):
    return panel["fieldConfig"]["defaults"]


def queries(panel):
    return [target["expr"] for target in panel["targets"]]


def wrong(kinds, is_right):
    return [(uid, panel["title"]) for uid, panel in panels(*kinds) if not is_right(panel)]


def test_no_legend_can_be_blank():
    """A legend is a word, or names labels that its query groups by."""
    bare = []
    for uid, panel in panels("timeseries"):
        for target in panel["targets"]:
            legend, expression = target["legendFormat"], target["expr"]
            named = re.findall(r"\{\{(\w+)\}\}", legend)
            grouped = {name.strip() for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(",")}
            recorded = ":" in expression.split("{", maxsplit=1)[0]
            if not legend or legend == "__auto" or (not recorded and not set(named) <= grouped):
                bare.append((uid, panel["title"], legend))
    assert bare == []


def test_no_query_makes_a_series_that_no_label_names():
    """A chart shows no total of zero beside series by label."""
    assert wrong(("timeseries",), lambda panel: not any(" or 0 * sum(" in one for one in queries(panel))) == []


def test_legends_are_sorted_tables_at_the_right_or_lists():
    """Wide charts sort their legend by the last value, narrow ones list the names."""

    def is_right(panel):
        legend = panel["options"]["legend"]
        if panel["gridPos"]["w"] < 12:
            return legend["displayMode"] == "list"
        shown = (legend["displayMode"], legend["placement"], legend["sortBy"], legend["sortDesc"])
        return shown == ("table", "right", "Last *", True)

    assert wrong(("timeseries",), is_right) == []
    assert wrong(("timeseries",), lambda panel: panel["options"]["tooltip"]["sort"] == "desc") == []


def test_colours_follow_names():
    """A series keeps its colour whatever else is shown; outcomes have fixed ones."""
    assert wrong(("timeseries",), lambda one: defaults(one)["color"]["mode"] == "palette-classic-by-name") == []
    assert fixed_colours("How calls end") == BY_OUTCOME
    assert fixed_colours("Requests by status class") == BY_STATUS


def fixed_colours(title):
    """Return the colours that the one chart of this title fixes, by series."""
    (chart,) = [panel for _, panel in panels("timeseries") if panel["title"] == title]
    return {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in chart["fieldConfig"]["overrides"]
    }


def test_axes_fit_an_idle_service():
    """Shares end at 1, and every other axis reaches at least a soft maximum."""
    assert wrong(("timeseries",), lambda one: "max" in defaults(one) or "axisSoftMax" in defaults(one)["custom"]) == []
    shares = [panel for _, panel in panels("timeseries") if defaults(panel)["unit"] == "percentunit"]
    assert [defaults(panel).get("max") for panel in shares] == [1] * len(shares)


def test_counts_have_no_decimals():
    """A number of things is a whole number."""
    kinds = ("stat", "timeseries")
    assert wrong(kinds, lambda one: defaults(one)["unit"] != "short" or defaults(one)["decimals"] == 0) == []


def test_rates_of_things_are_per_minute():
    """A rate that a person counts is per minute, not per second."""
    rates = [
        (panel["title"], one)
        for _, panel in panels("stat", "timeseries")
        for one in queries(panel)
        if defaults(panel)["unit"] == "short" and re.search(r"\brate\(", one)
    ]
    assert {"Turns per minute", "Requests by status class", "Where tokens come from"} <= {title for title, _ in rates}
    assert [title for title, one in rates if not one.startswith("60 * ")] == []


def test_tables_of_sums_have_a_total():
    """Below the dollars and the calls of a table with several columns stands their sum."""
    totals = {}
    for uid, panel in panels("table"):
        heads = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
        if "Cost" in heads and len(heads) > 2:
            footer = panel["options"]["footer"]
            totals[uid, panel["title"]] = footer["show"] and {"Cost", *({"Calls"} & heads)} <= set(footer["fields"])
    assert totals == {
        ("hydrochat-money", "Operation and model"): True,
        ("hydrochat-money", "Turns"): True,
        ("hydrochat-overview", "Models compared"): True,
    }


def test_tiles_have_a_trend_and_a_change():
    """A tile of values over time has their trend, and their change unless they are a running sum."""
    shown = {"area": "range", "none": "instant"}
    wrong_tiles = wrong(("stat",), lambda one: shown[one["options"]["graphMode"]] in one["targets"][0])
    assert wrong_tiles == []
    landing = [panel for uid, panel in panels("stat") if uid == "hydrochat-overview"]
    assert [panel["options"]["graphMode"] for panel in landing] == ["area"] * 8
    unchanged = [panel["title"] for panel in landing if not panel["options"]["showPercentChange"]]
    assert unchanged == ["Spent today"]


def test_a_panel_that_needs_rules_says_so():
    """Where a query reads a recorded series or alerts, the empty panel says that the rules may be missing."""
    needing = [
        (panel["title"], defaults(panel)["noValue"])
        for _, panel in panels()
        for one in queries(panel)
        if re.search(r"\w:\w|\bALERTS\b", re.sub(r'"[^"]*"', "", one))
    ]
    assert {"Error budget burn", "Budget left", "Which alerts fired", "Firing now"} <= {title for title, _ in needing}
    assert [title for title, text in needing if NO_RULES not in text] == []


def test_dollars_are_shown_to_three_digits():
    """No panel or column of dollars fixes its decimals, so that Grafana shows $0.00172 as well as $340."""
    assert wrong((), lambda one: defaults(one).get("unit") != "currencyUSD" or "decimals" not in defaults(one)) == []
    dollars = [
        {one["id"]: one["value"] for one in override["properties"]}
        for _, panel in panels("table")
        for override in panel["fieldConfig"]["overrides"]
    ]
    assert [one for one in dollars if one.get("unit") == "currencyUSD" and "decimals" in one] == []


def test_rare_events_are_counted():
    """Bars count by increase over their own interval, so that a first event is seen."""
    for uid, panel in panels("timeseries"):
        if defaults(panel)["custom"].get("drawStyle") == "bars":
            assert all("increase(" in one and "[$__interval]" in one for one in queries(panel)), (uid, panel["title"])
            assert panel["interval"] in {"2m", "1d"}


def test_tables_are_sorted_and_name_what_has_no_value():
    """Each table has a sorted column, and an unpriced model says so instead of $0."""
    assert wrong(("table",), lambda one: one["options"]["sortBy"][0]["desc"] is True) == []
    costs = [
        {one["id"]: one["value"] for one in override["properties"]}
        for _, panel in panels("table")
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == "Cost"
    ]
    assert costs
    assert {one["noValue"] for one in costs} == {"no price"}


def test_nothing_is_red_without_data():
    """The base colour of a number is neutral; red and green begin at 0."""
    for limits in (Limits(amber=0.5, red=1), Limits(amber=0.5, red=1, good_above=True)):
        first, second = limits.steps()[:2]
        assert (first.color, second.value) == (NEUTRAL, 0)
    assert [step.color for step in Limits(amber=0.5, red=1).steps()][1::2] == [GREEN, RED]
    assert wrong(("stat",), lambda one: defaults(one)["thresholds"]["steps"][0]["color"] == NEUTRAL) == []


def test_an_empty_panel_says_why():
    """Nothing failed, no budget and rules that are not installed are three different texts."""
    texts = defaultdict(set)
    for _, panel in panels():
        texts[defaults(panel)["noValue"]].add(panel["title"])
    assert {"Most failures", "Failed operations"} <= texts[NOTHING_FAILED]
    assert texts[NO_BUDGET] == {"Of today's budget"}
    assert texts["no budget or no whole day yet"] == {"Forecast of the budget"}
    assert {"Error budget burn", "Budget left"} <= texts[NO_RULES]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["uid"])
def test_a_board_can_be_edited_and_has_no_unused_part(board):
    """A board is editable, annotated, linked, and each of its variables is used."""
    assert board["editable"] is True
    assert [one["name"] for one in board["annotations"]["list"]] == ["Alerts that page", "Restarts and deploys"]
    assert board["links"]
    text = json.dumps(board["panels"])
    names = [one["name"] for one in board["templating"]["list"]]
    unused = [name for name in names if f"${name}" not in text and f"${{{name}}}" not in text]
    assert unused == []


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["uid"])
def test_the_grid_has_no_hole(board):
    """Every line of the grid between the first and the last panel is filled from edge to edge."""
    filled = defaultdict(int)
    for panel in board["panels"]:
        place = panel["gridPos"]
        for line in range(place.get("y", 0), place.get("y", 0) + place["h"]):
            filled[line] += place["w"]
    assert {line: width for line, width in filled.items() if width != 24} == {}


def test_what_an_operation_cost_yesterday_is_two_clicks_away():
    """From the landing board, a tile leads to the money, and a link there to yesterday's cost by operation."""
    boards = {board["uid"]: board for board in BOARDS}
    assert "/d/hydrochat-money" in json.dumps(boards["hydrochat-overview"]["panels"])
    money = boards["hydrochat-money"]
    [yesterday] = [one for one in money["links"] if one["title"] == "Yesterday"]
    assert (yesterday["url"], yesterday["includeVars"]) == ("/d/hydrochat-money?from=now-1d/d&to=now-1d/d", True)
    [table] = [one for one in money["panels"] if one["title"] == "Operation and model"]
    assert "[$__range]" in queries(table)[0]


def test_operations_and_alerts_lead_somewhere():
    """A click on an operation, a model, an alert or a process opens what belongs to it."""
    links = defaultdict(set)
    for uid, panel in panels():
        text = json.dumps(panel)
        links[uid] |= set(re.findall(r'"url": "([^"?$]*)', text))
    assert {"/d/hydrochat-latency", "/d/hydrochat-money"} <= links["hydrochat-overview"]
    assert any("runbooks" in url for url in links["hydrochat-overview"])
    assert "http://" in links["hydrochat-telemetry"]
