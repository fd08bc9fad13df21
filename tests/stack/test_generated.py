import json
import re
from importlib.resources import files

import pytest

from hydrochat_otel import semconv
from hydrochat_otel.stack import generated, metric_table, promql, recordings
from hydrochat_otel.views.prometheus.naming import family_name

ASSETS = files("hydrochat_otel").joinpath("assets")


def boards():
    return {path: json.loads(text) for path, text in generated.files().items() if path.startswith("dashboards/")}


def panels():
    return [(board["uid"], panel) for board in boards().values() for panel in board["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("path", generated.files())
def test_shipped_files_are_what_the_code_makes(path):
    """A file in the assets equals the text that `python -m hydrochat_otel.stack` would write."""
    assert ASSETS.joinpath(path).read_text(encoding="utf-8") == generated.files()[path]


@pytest.mark.parametrize("folder", ["rules", "dashboards"])
def test_no_generated_file_is_left_over(folder):
    """A file that is no longer generated is no longer shipped."""
    shipped = {f"{folder}/{one.name}" for one in ASSETS.joinpath(folder).iterdir()}
    assert shipped == {path for path in generated.files() if path.startswith(folder)}


def test_the_table_has_a_line_for_each_metric():
    """Each declared metric is in the table once, with its name in Prometheus."""
    names = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", metric_table.render(), re.MULTILINE)
    assert [name for name, _ in names] == [spec.name for spec in semconv.METRICS]
    assert dict(names)["hydrochat.llm.cost"] == "hydrochat_llm_cost_total"
    assert dict(names)["hydrochat.operation.duration"] == "hydrochat_operation_duration_seconds"


def test_the_table_goes_between_its_markers():
    """Only the text between the markers is replaced; a document without them is refused."""
    before, after = "# Title\n<!-- metrics -->\nold\n<!-- /metrics -->\nrest\n", metric_table.render()
    assert metric_table.inserted(before) == f"# Title\n<!-- metrics -->\n{after}<!-- /metrics -->\nrest\n"
    with pytest.raises(ValueError, match="once each and in this order"):
        metric_table.inserted("# Title\n")


def test_panels_name_declared_metrics_only():
    """Every name in every query is a declared metric's, a recorded series', or Prometheus' own."""
    recorded = {rule.record for group in recordings.groups() for rule in group.rules}
    declared = set()
    for spec in semconv.METRICS:
        name, _ = family_name(spec.name, spec.unit, is_counter=spec.kind in {"counter", "observable_counter"})
        declared |= {name, *(name + suffix for suffix in ("_total", "_bucket", "_count", "_sum"))}
    text = "\n".join(target["expr"] for _, panel in panels() for target in panel["targets"])
    text = re.sub(r'"[^"]*"', '""', text)
    named = set(re.findall(r"\b(?:hydrochat|gen_ai|job|job_\w+)[\w:]*(?=[{\[\s),]|$)", text))
    labels = {promql.label(attribute) for spec in semconv.METRICS for attribute in spec.attributes} | {"job"}
    assert named - labels - declared <= recorded


def test_every_panel_says_what_it_shows():
    """Each panel has title, description, unit, a text for missing data, and legends without an unnamed series."""
    poor = [
        (uid, panel.get("title"))
        for uid, panel in panels()
        if not (
            panel.get("title")
            and panel.get("description")
            and panel["fieldConfig"]["defaults"].get("unit")
            and panel["fieldConfig"]["defaults"].get("noValue")
            and panel["datasource"]["uid"] == "${datasource}"
        )
    ]
    assert poor == []


def test_panels_have_places_and_numbers_of_their_own():
    """Ids differ, and no two panels of a dashboard overlap or leave the grid of 24 columns."""
    for board in boards().values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (place.get("x", 0) + column, place.get("y", 0) + row)
                for column in range(place["w"])
                for row in range(place["h"])
            }
            assert not cells & taken, (board["uid"], panel["title"])
            assert place.get("x", 0) + place["w"] <= 24
            taken |= cells


def test_a_label_that_a_metric_lacks_is_refused():
    """A query with a label that the metric does not have cannot be written."""
    with pytest.raises(ValueError, match="hydrochat_llm_cost_total has no label hydrochat_outcome"):
        promql.total(semconv.LLM_COST).where(promql.OUTCOME, "=", "ok")
    with pytest.raises(ValueError, match="is a counter, not a histogram"):
        promql.bucket(semconv.LLM_COST)
    with pytest.raises(ValueError, match="has no edge at 7"):
        promql.up_to(semconv.OPERATION_DURATION, 7)
