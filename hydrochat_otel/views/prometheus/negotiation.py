"""Content negotiation: which exposition format an Accept header asks for."""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple


class Format(Enum):
    """A text format of the exposition; the value is its content type."""

    # Written out: prometheus_client's constant for 0.0.4 came late, and its "latest" has meanwhile become 1.0.0.
    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""
        return self.value


class _MediaRange(NamedTuple):
    """One element of an Accept header, in lower case; `parameters` without its quality."""

    main: str
    sub: str
    parameters: dict[str, str]
    quality: float

    @property
    def precision(self) -> tuple[bool, bool, int]:
        return self.main != "*", self.sub != "*", len(self.parameters)

    def covers(self, served: "_MediaRange") -> bool:
        return (
            self.main in {"*", served.main}
            and self.sub in {"*", served.sub}
            and self.parameters.items() <= served.parameters.items()
        )


_QUALITY: Final = re.compile(r"0(\.[0-9]*)?|1(\.0*)?")


def _media_ranges(accept: str) -> Iterator[_MediaRange]:
    """Yield the well-formed elements of an Accept header; a malformed one counts as not written."""
    for element in accept.lower().split(","):
        media_type, *words = (word.strip() for word in element.split(";"))
        main, _, sub = media_type.partition("/")
        pairs = (word.partition("=") for word in words if word)
        parameters = {name.strip(): value.strip().strip('"') for name, _, value in pairs}
        # Our names are valid under every escaping scheme, so that whatever is asked for is what is served.
        parameters.pop("escaping", None)
        quality = parameters.pop("q", "1")
        if main and sub and _QUALITY.fullmatch(quality):
            yield _MediaRange(main, sub, parameters, float(quality))


_SERVED: Final[Mapping[Format, _MediaRange]] = {one: next(_media_ranges(one.content_type)) for one in Format}


def negotiate(accept: str | None) -> Format | None:
    """Choose the format of the best quality; Prometheus text where there is no header, or nothing well-formed in it.

    Wildcards, `q` and parameters such as `version` count as RFC 9110, 12.5.1 has it.

    Returns:
        The format, or None when the header allows neither: the answer is then 406.
    """
    asked = list(_media_ranges(accept or ""))
    if not asked:
        return Format.TEXT
    preferences = {one: _preference(one, asked) for one in Format}
    best = max(preferences, key=lambda one: preferences[one])
    return best if preferences[best][0] > 0 else None


def _preference(offered: Format, asked: list[_MediaRange]) -> tuple[float, bool]:
    """Return what to sort formats by: the quality that the most precise range gives it, and whether it wins a tie.

    OpenMetrics wins where it is named, Prometheus text elsewhere: browsers and curl send `*/*`.
    """
    covering = [one for one in asked if one.covers(_SERVED[offered])]
    if not covering:
        return 0.0, False
    decisive = max(covering, key=lambda one: one.precision)
    return decisive.quality, offered is Format.OPENMETRICS and decisive.sub != "*"
