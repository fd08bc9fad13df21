"""Promises of :mod:`hydrochat_otel.views.prometheus.negotiation`."""

import pytest
from hypothesis import example, given, settings, strategies as st

from hydrochat_otel.views.prometheus import Format, negotiate

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_NATIVE_HISTOGRAMS = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," + PROMETHEUS_3
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Format.TEXT),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        (FIREFOX, Format.TEXT),
        (PROMETHEUS_2_42, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
        (PROMETHEUS_3_NATIVE_HISTOGRAMS, Format.OPENMETRICS),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ('Application/OpenMetrics-Text ; Version="1.0.0" ; Charset=UTF-8', Format.OPENMETRICS),
        ("application/openmetrics-text, text/plain", Format.OPENMETRICS),
        ("application/openmetrics-text, */*", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.4, text/plain;version=0.0.4", Format.TEXT),
        ("application/openmetrics-text;q=0.4, text/*;q=0.5", Format.TEXT),
        ("application/*;q=0.9, text/*;q=0.1", Format.OPENMETRICS),
        ("text/plain;q=0.9, text/plain;version=0.0.4;q=0.3, application/openmetrics-text;q=0.5", Format.OPENMETRICS),
        ("text/plain;q=0, */*", Format.OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1, text/plain;version=0.0.4;q=0.5", Format.TEXT),
        ("application/openmetrics-text;q=high, text/plain;q=0.1", Format.TEXT),
        ("application/openmetrics-text;q=nan, text/plain;q=0.1", Format.TEXT),
        ("no media type, ;;q=1, /", Format.TEXT),
        ("application/openmetrics-text;version=2.0.0", Format.TEXT),
        ("text/plain;version=1.0.0", Format.TEXT_1_0_0),
        ("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4, text/plain;version=0.0.4;q=0.3", Format.TEXT_1_0_0),
        ("text/plain;version=1.0.0;q=0.3, text/plain;version=0.0.4;q=0.3", Format.TEXT),
        ("text/plain;version=1.0.0;q=0", Format.TEXT),
        ("text/plain;charset=iso-8859-1", Format.TEXT),
        ("text/html", Format.TEXT),
        ("application/json, image/*;q=0.5", Format.TEXT),
        ("*/*;q=0", Format.TEXT),
        ("text/plain;q=0.000", Format.TEXT),
    ],
)
def test_accept_header_chooses_the_format(accept, expected):
    """Quality, precision, wildcards and versions decide as in RFC 9110; text 0.0.4 if nothing is acceptable."""
    assert negotiate(accept) is expected


@settings(deadline=None)
@given(st.text(max_size=80))
@example("text/plain;q=1;q")
def test_no_accept_header_raises(accept):
    """Whatever a client sends as its Accept header, the answer is a format."""
    assert negotiate(accept) in Format


def test_content_types_are_the_official_ones():
    """The content types name format, version and character set."""
    assert {one.name: one.content_type for one in Format} == {
        "TEXT": "text/plain; version=0.0.4; charset=utf-8",
        "TEXT_1_0_0": "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        "OPENMETRICS": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
