"""Promises of :mod:`hydrochat_otel.settings`."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hydrochat_otel.settings import Settings, SettingsError


def test_the_defaults_are_the_contract():
    """Without any variable the numbers are those of the contract."""
    settings = Settings.load({})
    assert (
        settings.response_time_threshold_s,
        settings.max_entries,
        settings.ttl_hours,
        settings.cleanup_interval_minutes,
        settings.gemini_model,
        settings.llm_request_timeout_s,
        settings.llm_max_retries,
        settings.metrics_token,
        settings.host,
        settings.port,
    ) == (2.0, 1000, 24.0, 60.0, "gemini-2.0-flash-exp", 30.0, 3, None, "127.0.0.1", 9464)


def test_variables_are_read_with_their_types():
    """Text from the environment arrives as the setting's own type."""
    settings = Settings.load(
        {"METRICS_MAX_ENTRIES": "50", "METRICS_TTL_HOURS": "0.5", "HYDROCHAT_RETAIN_OTHER_SPANS": "Yes"}
    )
    assert (settings.max_entries, settings.ttl_hours, settings.retain_other_spans) == (50, 0.5, True)


def test_an_empty_variable_is_not_set():
    """`METRICS_MAX_ENTRIES=` means the default, as a line in an .env file without a value does."""
    assert Settings.load({"METRICS_MAX_ENTRIES": " "}).max_entries == 1000


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("METRICS_MAX_ENTRIES", "abc", "a whole number of at least 1"),
        ("METRICS_MAX_ENTRIES", "-5", "a whole number of at least 1"),
        ("METRICS_MAX_ENTRIES", "1.5", "a whole number of at least 1"),
        ("METRICS_TTL_HOURS", "0", "a number of hours above 0"),
        ("METRICS_TTL_HOURS", "nan", "a number of hours above 0"),
        ("HYDROCHAT_RESPONSE_TIME_THRESHOLD", "inf", "a number of seconds of at least 0"),
        ("HYDROCHAT_RETAIN_OTHER_SPANS", "perhaps", "true or false"),
        ("HYDROCHAT_PORT", "65536", "a TCP port from 0 to 65535"),
        ("HYDROCHAT_PRICES", "/no/such/file.toml", "the path of a readable price file"),
        ("LLM_MAX_RETRIES", "-1", "a whole number of at least 0"),
        ("HYDROCHAT_PUBLISH_INTERVAL", "0", "a number of seconds of at least 0.05"),
        ("HYDROCHAT_PUBLISH_INTERVAL", "often", "a number of seconds of at least 0.05"),
        ("HYDROCHAT_BUDGET_USD", "0", "a number of dollars for a day, above 0"),
        ("HYDROCHAT_BUDGET_USD", "$5", "a number of dollars for a day, above 0"),
        ("HYDROCHAT_BUDGET_USD", "inf", "a number of dollars for a day, above 0"),
        ("HYDROCHAT_BUDGET_TIMEZONE", "Mars/Olympus", "the name of a time zone, such as `Asia/Singapore`"),
        ("HYDROCHAT_BUDGET_TIMEZONE", "../etc/passwd", "the name of a time zone, such as `Asia/Singapore`"),
        ("HYDROCHAT_SERVE", "sometimes", "auto, always or never"),
    ],
)
def test_a_bad_value_names_variable_value_and_what_is_allowed(variable, value, allowed):
    """A bad value stops the start with one sentence that has all three."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({variable: value})
    assert str(caught.value) == f"{variable}={value!r} is not allowed: it must be {allowed}."


@pytest.mark.parametrize(
    "address",
    [
        "auto",
        "memory",
        "sqlite:///var/lib/chat/state.db",
        "redis://127.0.0.1:6379/0",
        "rediss://chat:S3cret@redis.example.org:6380/1?socket_timeout=2",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://one:26379,two:26379/mymaster/0",
        "redis+cluster://one:6379",
    ],
)
def test_every_kind_of_state_can_be_named(address):
    """An address is used as it is written."""
    assert Settings.load({"HYDROCHAT_STATE": f" {address} "}).state == address


@pytest.mark.parametrize(
    "address",
    [
        "postgres://chat:S3cret@db/chat",
        "redis://",
        "redis:S3cret",
        "redis://chat:S3 cret@redis",
        "sqlite://state.db",
        "sqlite:///",
        "sqlite:///var/lib/chat/",
        "/var/lib/chat/S3cret.db",
        "Memory",
    ],
)
def test_a_bad_state_is_refused_without_its_password(address):
    """The sentence says what is allowed, and shows no part of the value; nor does the text of a valid record."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({"HYDROCHAT_STATE": address})
    assert str(caught.value) == (
        "HYDROCHAT_STATE=(hidden) is not allowed: it must be `auto`, `memory`, `sqlite:///absolute/path`, or the "
        "address of a Redis (`redis://`, `rediss://`, `unix://`, `redis+sentinel://`, `redis+cluster://`)."
    )
    assert "S3cret" not in repr(Settings.load({"HYDROCHAT_STATE": "redis://chat:S3cret@redis"}))


def test_state_budget_and_serving_have_their_types():
    """Dollars and seconds are numbers, words are accepted in any case, and the default is no budget."""
    names = ("state", "publish_interval_s", "budget_usd", "budget_timezone", "serve")
    given = {
        "HYDROCHAT_STATE": "memory",
        "HYDROCHAT_PUBLISH_INTERVAL": "0.05",
        "HYDROCHAT_BUDGET_USD": "7.5",
        "HYDROCHAT_BUDGET_TIMEZONE": "Asia/Singapore",
        "HYDROCHAT_SERVE": "Always",
    }
    assert [getattr(Settings.load(given), name) for name in names] == ["memory", 0.05, 7.5, "Asia/Singapore", "always"]
    assert [getattr(Settings.load({}), name) for name in names] == ["auto", 1.0, None, "UTC", "auto"]


def test_a_secret_is_never_shown():
    """Neither an error nor the record's text shows a token or a key."""
    with pytest.raises(SettingsError, match=r"HYDROCHAT_METRICS_TOKEN=\(hidden\) is not allowed"):
        Settings.load({"HYDROCHAT_METRICS_TOKEN": "too short"})
    shown = repr(Settings.load({"HYDROCHAT_METRICS_TOKEN": "a-secret-of-sixteen", "GEMINI_API_KEY": "a-key"}))
    assert "a-secret" not in shown
    assert "a-key" not in shown


def test_the_token_may_be_in_a_file(tmp_path: Path):
    """A mounted secret is read without its line end; the variable wins; a file without a token is refused."""
    secret = tmp_path / "token"
    secret.write_text("a-secret-of-sixteen\n")
    environ = {"HYDROCHAT_METRICS_TOKEN_FILE": str(secret)}
    assert Settings.load(environ).metrics_token == "a-secret-of-sixteen"
    assert Settings.load(environ | {"HYDROCHAT_METRICS_TOKEN": "x" * 16}).metrics_token == "x" * 16
    secret.write_text("short")
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)
    assert str(caught.value) == f"{secret} holds no token: it must be at least 16 visible ASCII characters."


def test_django_settings_win_over_the_environment(monkeypatch):
    """Under Django a setting of the same name wins, and Django is not imported for it."""
    conf = SimpleNamespace(settings=SimpleNamespace(configured=True, METRICS_MAX_ENTRIES=7))
    monkeypatch.setitem(sys.modules, "django.conf", conf)
    settings = Settings.load({"METRICS_MAX_ENTRIES": "50", "METRICS_TTL_HOURS": "2"})
    assert (settings.max_entries, settings.ttl_hours) == (7, 2.0)


def test_overrides_win_and_are_checked_alike(tmp_path: Path):
    """Keyword arguments beat every other origin and obey the same rules."""
    prices = tmp_path / "prices.toml"
    prices.touch()
    settings = Settings.load({"METRICS_MAX_ENTRIES": "50"}, max_entries=3, prices_file=prices)
    assert (settings.max_entries, settings.prices_file) == (3, prices)
    with pytest.raises(SettingsError, match="max_entries=0 is not allowed"):
        Settings.load({}, max_entries=0)
    with pytest.raises(
        SettingsError, match="no_such is not a setting; the settings are budget_timezone, budget_usd, cleanup"
    ):
        Settings.load({}, no_such=1)
