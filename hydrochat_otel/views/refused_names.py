"""Names that the closed sets of labels refused, so that their measurements are counted under ``other``."""

from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import formats
from hydrochat_otel.window.snapshot import Snapshot

_MOST: Final = 200


def document(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return set, name and number of refusals, the most frequent first; the name is null where it is not shown."""
    sums = snapshot.sums_by(semconv.LABEL_REFUSALS, semconv.LABEL, semconv.LABEL_VALUE)
    ordered = sorted(sums.items(), key=lambda one: (-one[1], one[0]))
    return [
        {"label": label, "name": None if name in {semconv.OTHER, ""} else name, "count": formats.count(count)}
        for (label, name), count in ordered[:_MOST]
    ]
