"""Content negotiation: which exposition format an Accept header selects."""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple


class Format(Enum):
    """A text format of the exposition; the value is its content type."""

    # Written out: prometheus_client added its constant for 0.0.4 late, and its "latest" has since become 1.0.0.
    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    # The same lines as 0.0.4: our names are valid without quotes, which is what the scheme `underscores` means.
    TEXT_1_0_0 = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
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
    """Yield the well-formed elements of an Accept header; a malformed one is ignored."""
    for element in accept.lower().split(","):
        media_type, *words = (word.strip() for word in element.split(";"))
        main, _, sub = media_type.partition("/")
        pairs = (word.partition("=") for word in words if word)
        parameters = {name.strip(): value.strip().strip('"') for name, _, value in pairs}
        # Our names are valid under every escaping scheme, so any scheme is satisfied.
        parameters.pop("escaping", None)
        quality = parameters.pop("q", "1")
        if main and sub and _QUALITY.fullmatch(quality):
            yield _MediaRange(main, sub, parameters, float(quality))


_SERVED: Final[Mapping[Format, _MediaRange]] = {one: next(_media_ranges(one.content_type)) for one in Format}


@lru_cache(maxsize=64)
def negotiate(accept: str | None) -> Format:
    """Return the format of the best quality; text 0.0.4 if the header is missing, malformed or fits no format.

    Wildcards, `q` and parameters such as `version` count as in RFC 9110, 12.5.1. The fallback instead of a 406 is what
    Prometheus' content negotiation demands.
    """
    asked = list(_media_ranges(accept or ""))
    if not asked:
        return Format.TEXT
    preferences = {one: _preference(one, asked) for one in Format}
    best = max(preferences, key=lambda one: preferences[one])
    return best if preferences[best][0] > 0 else Format.TEXT


def _preference(offered: Format, asked: list[_MediaRange]) -> tuple[float, bool]:
    """Return the key for comparing formats: the quality of the most precise range, and whether it wins a tie.

    OpenMetrics wins if it is named, text 0.0.4 otherwise: browsers and curl send `*/*`. Text 1.0.0 has to be named with
    its version.
    """
    covering = [one for one in asked if one.covers(_SERVED[offered])]
    if not covering:
        return 0.0, False
    decisive = max(covering, key=lambda one: one.precision)
    if offered is Format.TEXT_1_0_0 and "version" not in decisive.parameters:
        return 0.0, False
    return decisive.quality, offered is Format.OPENMETRICS and decisive.sub != "*"
