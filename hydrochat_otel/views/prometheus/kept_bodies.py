"""Bodies of scrapes, kept while nothing that they show has changed."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from hydrochat_otel.runtime import failures
from hydrochat_otel.views.prometheus.exposition import render
from hydrochat_otel.views.prometheus.negotiation import Format
from hydrochat_otel.window.snapshot import Attributes, Family, Metrics, Snapshot

_LONGEST: Final = 1 << 18
"""The most bytes of a body that is kept."""


class _Written(NamedTuple):
    """What was written last; the body is None until the same was written twice."""

    families: Sequence[Family]
    resource: Attributes
    body: bytes | None


class KeptBodies:
    """Renders snapshots, and keeps the newest body of each format; any thread may call."""

    def __init__(self) -> None:
        self._newest: dict[Format, _Written] = {}

    def render(self, snapshot: Snapshot | Metrics, exposition: Format) -> bytes:
        """Return what :func:`render` does; the same families and resource, as objects, have the same body."""
        known = self._newest.get(exposition)
        is_same = known is not None and known.families is snapshot.families and known.resource is snapshot.resource
        if known is not None and is_same and known.body is not None:
            return known.body
        failed = failures.counts()
        body = render(snapshot, exposition)
        # What is left out of a body is counted each time.
        keeps = is_same and len(body) <= _LONGEST and failed == failures.counts()
        self._newest[exposition] = _Written(snapshot.families, snapshot.resource, body if keeps else None)
        return body

    def forget(self) -> None:
        """Forget all bodies."""
        self._newest.clear()
