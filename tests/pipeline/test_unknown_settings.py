"""Promises of :mod:`hydrochat_otel.pipeline.unknown_settings`."""

from hydrochat_otel.pipeline import pipeline, unknown_settings


def test_an_unknown_variable_with_our_prefix_is_named():
    """One sentence for each names the nearest setting; variables of others and of our commands are ignored."""
    environ = {
        "HYDROCHAT_METRICS_TOKN": "x",
        "HYDROCHAT_ZZZZZZ": "x",
        "HYDROCHAT_STATE": "memory",
        "HYDROCHAT_RUN_PID": "1",
        "HOME": "/",
    }
    assert unknown_settings.sentences(environ) == [
        "HYDROCHAT_METRICS_TOKN is not a setting and is ignored; did you mean HYDROCHAT_METRICS_TOKEN?",
        "HYDROCHAT_ZZZZZZ is not a setting and is ignored.",
    ]


def test_install_warns_of_unknown_variables_once(install, monkeypatch, caplog):
    """The first install of a process logs the sentence, a second one does not."""
    monkeypatch.setattr(pipeline._process, "has_warned", False)
    monkeypatch.setenv("HYDROCHAT_PUBLISH_INTERVALL", "1")
    for _ in range(2):
        install()
        pipeline.shutdown()
    assert [record.getMessage() for record in caplog.records if "is not a setting" in record.getMessage()] == [
        "HYDROCHAT_PUBLISH_INTERVALL is not a setting and is ignored; did you mean HYDROCHAT_PUBLISH_INTERVAL?"
    ]
