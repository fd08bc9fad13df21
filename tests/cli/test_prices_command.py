"""Promises of ``hydrochat-otel prices``."""

import json

from click.testing import CliRunner

from hydrochat_otel.cli.prices import prices


def command(*arguments, **env):
    """Run the command."""
    return CliRunner().invoke(prices, [str(argument) for argument in arguments], env=env)


def priced(tmp_path):
    """A price file of an operator."""
    path = tmp_path / "prices.toml"
    path.write_text('[models."gemini-9-ultra"]\ninput = 3\noutput = 4.125\n[models."gemma-3-27b-it"]\nfree = true\n')
    return path


def test_every_known_model_is_listed_with_its_source(tmp_path):
    """The order is: the file, the contract's model, genai-prices; the variable names the file as well."""
    done = command(HYDROCHAT_PRICES=str(priced(tmp_path)))
    lines = [line.split() for line in done.output.splitlines()]
    assert done.exit_code == 0
    assert lines[1] == ["gemini-9-ultra", "3.00", "3.00", "4.125", "your", "price", "file"]
    assert lines[2] == ["gemma-3-27b-it", "free", "your", "price", "file"]
    assert lines[3] == ["gemini-2.0-flash-exp", "0.10", "0.10", "0.30", "contract"]
    assert ["gemini-2.0-flash-lite", "0.075", "0.075", "0.30", "genai-prices"] in lines
    assert "days old" in done.output


def test_named_models_are_looked_up_as_calls_are(tmp_path):
    """Priced, free and unpriced models differ, as JSON as well."""
    done = command("models/gemini-9-ultra", "gemma-3-27b-it", "unlisted", "--prices", priced(tmp_path), "--json")
    rows = json.loads(done.output)
    assert [row for row in rows if row.get("service_tier") == "standard"] == [
        {
            "model": "models/gemini-9-ultra",
            "service_tier": "standard",
            "status": "priced",
            "source": "file",
            "input": "3.00",
            "cached": "3.00",
            "output": "4.125",
        },
        {
            "model": "gemma-3-27b-it",
            "service_tier": "standard",
            "status": "free",
            "source": "file",
            "input": "0.00",
            "cached": "0.00",
            "output": "0.00",
        },
        {"model": "unlisted", "service_tier": "standard", "status": "unpriced", "source": None},
    ]


def test_named_models_show_tiers_and_charges_with_their_source():
    """A derived rate states its source and its factor, a charge the units of its price."""
    done = command("gemini-2.5-flash", "--json")
    rows = json.loads(done.output)
    (flex,) = [row for row in rows if row.get("service_tier") == "flex"]
    assert (flex["input"], flex["source"], flex["factor_of_standard"]) == ("0.15", "genai-prices", "0.5")
    (search,) = [row for row in rows if row.get("charge") == "grounding_search"]
    assert search == {
        "model": "gemini-2.5-flash",
        "charge": "grounding_search",
        "usd": "35",
        "units": 1000,
        "source": "genai-prices",
    }
    shown = command("gemini-2.5-flash").output
    assert "genai-prices x 0.5 (factor of the tier)" in shown
    assert "cache_storage" in shown


def test_a_bad_price_file_is_one_sentence(tmp_path):
    """The exit code is 2, and the sentence says what is allowed."""
    path = tmp_path / "prices.toml"
    path.write_text("[models.x]\ninput = -1\noutput = 1\n")
    done = command("--prices", path)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"Error: {path}: models.x.input must be a number of dollars for a million tokens")
