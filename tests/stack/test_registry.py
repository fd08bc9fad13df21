"""Promises of :mod:`hydrochat_otel.stack.registry`: whatever we emit under a name of ours can be looked up."""

from importlib.resources import files

import yaml
from click.testing import CliRunner

from hydrochat_otel import semconv
from hydrochat_otel.cli.command_line import command_line
from hydrochat_otel.stack import own_attributes

SHIPPED = files("hydrochat_otel").joinpath("assets", "registry")


def shipped():
    """The registry as it is shipped."""
    return yaml.safe_load(SHIPPED.joinpath("hydrochat.yaml").read_text())


def test_every_attribute_of_ours_is_in_the_registry():
    """Each declared name, each attribute of a metric and each span attribute of ours is there, once."""
    keys = [attribute["key"] for attribute in shipped()["attributes"]]
    declared = {text for name, text in vars(semconv).items() if name.isupper() and isinstance(text, str)}
    declared |= {attribute for spec in semconv.METRICS for attribute in spec.attributes}
    declared |= set(semconv.TOKEN_ATTRIBUTES)
    ours = {one for one in declared if one.startswith("hydrochat.") and not one.endswith(".")}
    assert ours <= set(keys)
    assert len(keys) == len(set(keys)) == len(own_attributes.OWN_ATTRIBUTES)


def test_every_metric_of_ours_is_in_the_registry():
    """Name, instrument, unit and attributes are those of the declarations."""
    described = {
        one["name"]: (one["instrument"], one["unit"], [row["ref"] for row in one.get("attributes", [])])
        for one in shipped()["metrics"]
    }
    assert described == {
        spec.name: (spec.kind.removeprefix("observable_"), spec.unit, list(spec.attributes))
        for spec in semconv.METRICS
        if spec.name.startswith("hydrochat.")
    }


def test_whatever_is_referred_to_is_described():
    """Each reference is to an attribute of the registry or to one of the conventions that it builds on."""
    document = shipped()
    keys = {attribute["key"] for attribute in document["attributes"]}
    groups = (*document["attribute_groups"], *document["spans"], *document["metrics"])
    refs = {row["ref"] for group in groups for row in group.get("attributes", [])}
    assert {one for one in refs - keys if one.startswith("hydrochat.")} == set()
    assert yaml.safe_load(SHIPPED.joinpath("manifest.yaml").read_text())["dependencies"]


def test_the_registry_is_exported_with_version_and_hash(tmp_path):
    """The command writes both files with a line that says what wrote them, and keeps one that was edited."""
    run = CliRunner()
    assert run.invoke(command_line, ["registry", "export", str(tmp_path)]).exit_code == 0
    for name in ("hydrochat.yaml", "manifest.yaml"):
        written = tmp_path.joinpath(name).read_text()
        assert written.startswith("# exported by hydrochat-otel ")
        assert yaml.safe_load(written) == yaml.safe_load(SHIPPED.joinpath(name).read_text())
    tmp_path.joinpath("manifest.yaml").write_text("name: mine\n")
    kept = run.invoke(command_line, ["registry", "export", str(tmp_path)])
    assert (kept.exit_code, tmp_path.joinpath("manifest.yaml").read_text()) == (1, "name: mine\n")
