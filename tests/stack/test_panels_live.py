import functools
import json
import math
import re
import shutil
import time

import pytest
from conftest import require_program
from stack import go_programs
from stack.servers import TIME_SCALE, Prometheus, Talking, eventually, scrape_app

from hydrochat_otel.cli import shipped_assets
from hydrochat_otel.demo.workload import run_workload
from hydrochat_otel.pipeline import pipeline

RANGE_S = 20
BUILT_IN = {"$__rate_interval": "6s", "$__range_s": str(RANGE_S), "$__range": f"{RANGE_S}s", "$__interval": "2s"}


RELEASES = ["the distribution's"] if go_programs.LEFT_OUT else ["the distribution's", "3.16"]


def prometheus_program(release):
    return str(go_programs.prometheus()) if release == "3.16" else require_program("prometheus", "prometheus")


def dashboards():
    return [json.loads(one.read_text()) for one in shipped_assets.assets("dashboards")]


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def filled(text, values):
    for name, value in {**values, **BUILT_IN}.items():
        text = text.replace(name, value)
    assert "$" not in text.replace('"$|', "").replace('"$1"', ""), text
    return text


def variable_values(prometheus, dashboard):
    """Return each variable's values as Grafana fills them in: all that its query finds, joined by `|`."""
    values = {}
    for variable in dashboard["templating"]["list"]:
        name = f"${variable['name']}"
        if variable["type"] == "query":
            match, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
            found = prometheus.api(f"label/{label}/values", **{"match[]": filled(match, values)})
            assert found, f"{dashboard['uid']}: {name} has no values"
            values[name] = "|".join(re.escape(one).replace("\\", "\\\\") for one in found)
        elif variable["type"] == "textbox":
            values[name] = variable["current"]["value"]
    return values


def answered(prometheus, target, values):
    expression = filled(target["expr"], values)
    if target.get("instant"):
        return [float(series["value"][1]) for series in prometheus.instant(expression)]
    return [float(value) for series in prometheus.over_time(expression, RANGE_S) for _, value in series["values"]]


QUIET = {"hydrochat-money": {"Spent on retries", "Charges beyond tokens"}}
"""Panels that the demo leaves empty: its refused attempts cost nothing, and it has no charges beyond tokens."""

UNFED = ("hydrochat_llm_forecast", "hydrochat_telemetry_errors_total", "hydrochat_label_refusals_total")
"""Series that the demo does not have: a forecast needs whole days, and neither errors nor refused names happen."""


def unanswered(prometheus, dashboard, values):
    """Return the queries without a single number."""
    return [
        (dashboard["uid"], panel["title"], filled(target["expr"], values))
        for panel in panels(dashboard)
        if panel["title"] not in QUIET.get(dashboard["uid"], ())
        for target in panel["targets"]
        if not any(name in target["expr"] for name in UNFED)
        if not any(math.isfinite(one) for one in answered(prometheus, target, values))
    ]


@pytest.mark.real
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("release", RELEASES)
def test_every_query_of_every_panel_returns_data(release, emulator, scraped, tmp_path):
    """Fed by the demo, no panel is empty: with All, and with the values that the variables' own queries find."""
    binary = prometheus_program(release)
    with Prometheus(tmp_path / "prometheus", binary, scraped) as prometheus, Talking(emulator.base_url):
        eventually(lambda: prometheus.instant("hydrochat_llm_unpriced_tokens_total"), "the demo is scraped")
        eventually(lambda: prometheus.instant('ALERTS{alertstate="firing"}'), "a rule fires")
        everything = dict.fromkeys(("$job", "$instance", "$model", "$operation", "$turn"), ".*")

        def empty():
            chosen = [(one, variable_values(prometheus, one)) for one in dashboards()]
            return [
                *(row for one, values in chosen for row in unanswered(prometheus, one, values)),
                *(row for one, values in chosen for row in unanswered(prometheus, one, {**values, **everything})),
            ]

        # Rates need two scrapes of every series, and the rarest case comes once in 24 turns.
        still = sorted({f"{uid}, {title}: {query}" for uid, title, query in settled(empty)})
        assert not still, "\n".join(still)
    shutil.rmtree(tmp_path / "prometheus")


def settled(empty, within_s=30):
    """Return the panels that are still empty, once none is or at the time limit."""
    deadline_s = time.monotonic() + within_s
    while (still := empty()) and time.monotonic() < deadline_s:
        time.sleep(1)
    return still


@pytest.mark.real
def test_a_quiet_service_has_numbers_and_no_false_ones(emulator, scraped, tmp_path):
    """Without traffic, panels of failures show zero or nothing, and no rule fires."""
    binary = require_program("prometheus", "prometheus")
    with Prometheus(tmp_path / "prometheus", binary, scraped) as prometheus:
        eventually(lambda: prometheus.instant("hydrochat_retention_entries"), "the application is scraped")
        eventually(lambda: prometheus.instant("hydrochat_slo:objective_ratio"), "the rules are evaluated")
        assert prometheus.instant("ALERTS") == []
        shown = {
            panel["title"]: answered(prometheus, target, variable_free())
            for dashboard in dashboards()
            for panel in panels(dashboard)
            for target in panel["targets"]
            if panel["type"] == "stat"
        }
        assert {title: values for title, values in shown.items() if any(values)} == {
            "Instrumented": [1.0],
            "Price book": pytest.approx(shown["Price book"]),
            "Series": pytest.approx(shown["Series"]),
        }
    shutil.rmtree(tmp_path / "prometheus")


def variable_free():
    return {**dict.fromkeys(("$job", "$instance", "$model", "$operation", "$turn"), ".*"), "$grouping": "job"}


def columns(panel):
    """Return the queries of a table by the heads of their columns."""
    (organized,) = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
    names = organized["renameByName"]
    return {names[f"Value #{target['refId']}"]: target["expr"] for target in panel["targets"]}


@pytest.mark.real
def test_dollars_of_a_thousand_calls(emulator, scraped, tmp_path):
    """In each table with cost, calls and cost of a thousand calls, the third is made of the other two, row by row."""
    compared = []
    binary = require_program("prometheus", "prometheus")
    with Prometheus(tmp_path / "prometheus", binary, scraped) as prometheus, Talking(emulator.base_url):
        for dashboard in dashboards():
            for panel in panels(dashboard):
                if "Per 1000 calls" in json.dumps(panel):
                    read = functools.partial(_thousands, prometheus, panel)
                    cost, calls, each = eventually(read, f"{panel['title']} has several rows")
                    assert {row: 1000 * usd / calls[row] for row, usd in cost.items()} == pytest.approx(each)
                    compared.append(dashboard["uid"])
    assert compared == ["hydrochat-money", "hydrochat-overview"]
    shutil.rmtree(tmp_path / "prometheus")


def _thousands(prometheus, panel):
    """Return cost, calls and cost of a thousand calls by row, at one moment; None until there are several rows."""
    found = columns(panel)
    at_s = time.time() - 3  # every scrape that began before is complete, so that all queries read the same samples
    read = [
        {
            tuple(sorted(row["metric"].items())): float(row["value"][1])
            for row in prometheus.api("query", query=filled(found[head], variable_free()), time=at_s)["result"]
        }
        for head in ("Cost", "Calls", "Per 1000 calls")
    ]
    return read if len(read[2]) > 1 else None


@pytest.mark.real
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("release", RELEASES)
def test_exemplars_lead_to_retained_traces(release, emulator, served, tmp_path):
    """`query_exemplars` returns, for the panels' queries, trace ids that the retained window holds."""
    binary = prometheus_program(release)
    with Prometheus(tmp_path / "prometheus", binary, {"scrape_configs": [scrape_app(served.port)]}) as prometheus:
        run_workload(emulator.base_url, turns=24, time_scale=TIME_SCALE)
        with_exemplars = [
            filled(target["expr"], variable_free())
            for dashboard in dashboards()
            for panel in panels(dashboard)
            for target in panel["targets"]
            if target.get("exemplar")
        ]
        assert with_exemplars
        retained = {f"{entry.trace_id:032x}" for entry in pipeline.current().store.live_entries()}
        for query in with_exemplars:

            def trace_ids(query=query):
                found = prometheus.api("query_exemplars", query=query, start=time.time() - 60, end=time.time())
                return {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}

            assert eventually(trace_ids, f"exemplars for {query}") <= retained
    shutil.rmtree(tmp_path / "prometheus")
