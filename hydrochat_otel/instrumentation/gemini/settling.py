"""Settles the usual calls of a drain together: their tokens and dollars are computed by columns.

A call is usual if its only request was answered, by one reply that states its usage once: of text, and balanced. One by
one they take twice as long. Any other call, and a group that holds an unusual usage, is settled call by call.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from hydrochat_otel.instrumentation.gemini.attempts import ONE_ANSWERED
from hydrochat_otel.instrumentation.gemini.finished_call import UNSETTLED, FinishedCall

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini.ended_call import EndedCall

_FEWEST: Final = 3
"""Fewer calls of a kind are as fast one by one."""


def settle(calls: "Sequence[EndedCall]") -> None:
    """Make the frozen records of the usual calls among these; the others make theirs when it is needed."""
    groups: dict[Any, list[EndedCall]] = defaultdict(list)
    for call in calls:
        using, labels, _, _, ended, attempts, replies, _, chunks, made = call
        if attempts is ONE_ANSWERED and chunks is None and not made and ended[2] not in UNSETTLED:
            kind = replies.kind
            if kind is not None:
                groups[id(using), id(labels), kind].append(call)
    for group in groups.values():
        if len(group) >= _FEWEST:
            _settle_alike(group)


def _settle_alike(calls: "Sequence[EndedCall]") -> None:
    *common, replies, _, _, made = zip(*calls, strict=True)
    starts_unix_s = [ended[1] / 1e9 - ended[0] for ended in common[4]]
    ledgers = replies[0].ledgers([one.only_usage for one in replies], starts_unix_s)
    if ledgers is None:
        return
    stated = [(one.response_id, one.finish_reasons, one.cached_content_tokens) for one in replies]
    ids, reasons, cached = zip(*stated, strict=True)
    rows = zip(
        *common,
        *ledgers,  # tokens, their cost, what cached ones saved
        repeat(None),  # no attempt was lost
        repeat(()),  # nothing is charged by the unit
        repeat(False),  # it is complete
        repeat(True),  # and answered
        repeat(replies[0].response_model),
        map(str, ids),
        reasons,
        cached,
        repeat(None),  # no stream
        strict=False,
    )
    for its, finished in zip(made, map(tuple.__new__, repeat(FinishedCall), rows), strict=True):
        its.append(finished)
