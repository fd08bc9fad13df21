"""Script the emulator and read its ledger over HTTP, for programs that are not written in Python.

| request | does |
|---|---|
| ``POST /_emulator/script`` | appends replies: a JSON list of objects, see :func:`reply_of` |
| ``GET /_emulator/ledger`` | totals and lines of what was billed |
| ``POST /_emulator/reset`` | empties the ledger and drops replies that were not used |
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hydrochat_otel.testing.replies import Part, Reply, Usage, blocked, failure, rate_limited

if TYPE_CHECKING:
    from hydrochat_otel.testing.emulator import GeminiEmulator

PREFIX: Final = "/_emulator/"

_SCALARS: Final = frozenset(
    {
        *("usage_on", "finish_reason", "model_version", "candidates"),
        *("error_after", "cut_after", "hold_after", "delay_s", "chunk_delay_s"),
    }
)
_KINDS: Final = ("text", "texts", "function_call", "blocked", "error", "rate_limited")
_KEYS: Final = (*_KINDS, "usage", *sorted(_SCALARS))
_USAGE: Final = frozenset(one.name for one in fields(Usage))


def reply_of(stated: Any) -> Reply:
    """Return the reply that a JSON object states.

    Exactly one of ``text``, ``texts`` (one event of a stream each), ``function_call`` (``name``, ``args``), ``blocked``
    (a reason), ``error`` (an HTTP status) and ``rate_limited`` (seconds to wait) states its kind; ``usage`` has the
    fields of :class:`Usage`, and further keys are fields of :class:`Reply` whose value is text or a number.

    Raises:
        TypeError: It is not a JSON object.
        ValueError: A key or value is invalid; one sentence says which.
    """
    if not isinstance(stated, dict):
        raise TypeError(f"A reply is a JSON object, not {type(stated).__name__}.")
    given = dict(stated)
    kinds = [kind for kind in _KINDS if kind in given]
    if len(kinds) > 1:
        raise ValueError(f"A reply has one of {', '.join(_KINDS)}, not {' and '.join(kinds)}.")
    kind, value = (kinds[0], given.pop(kinds[0])) if kinds else ("", None)
    usage = given.pop("usage", None)
    if unknown := sorted(given.keys() - _SCALARS):
        raise ValueError(
            f"{unknown[0]} is not a key of a reply; it has {', '.join((*_KINDS, 'usage', *sorted(_SCALARS)))}."
        )
    try:
        if usage is not None:
            given["usage"] = _usage_of(usage)
        return _made(kind, value, given)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{kind or 'A reply'} has a value of the wrong form ({error}).") from None


def _made(kind: str, value: Any, given: dict[str, Any]) -> Reply:
    if kind == "error":
        return failure(int(value), **given)
    if kind == "rate_limited":
        return rate_limited(float(value), **given)
    if kind == "blocked":
        return blocked(str(value), **given)
    if kind == "function_call":
        return Reply(parts=(Part(call=value["name"], args=value.get("args", {})),), **given)
    texts = [value] if kind == "text" else list(value or [])
    return Reply(parts=tuple(Part(text=str(text)) for text in texts) or None, **given)


def _usage_of(stated: Mapping[str, Any]) -> Usage:
    if unknown := sorted(stated.keys() - _USAGE):
        raise ValueError(f"{unknown[0]} is not a key of usage; it has {', '.join(sorted(_USAGE))}.")
    return Usage(**stated)


def respond(emulator: "GeminiEmulator", http_method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Return the status and the JSON body for a request below :data:`PREFIX`."""
    action = (http_method, path.removeprefix(PREFIX))
    try:
        if action == ("GET", "ledger"):
            return 200, _json(_ledger(emulator))
        if action == ("POST", "script"):
            stated = json.loads(body)
            replies = [reply_of(one) for one in (stated if isinstance(stated, list) else [stated])]
            emulator.script(*replies)
            return 200, _json({"scripted": len(replies)})
        if action == ("POST", "reset"):
            emulator.reset()
            return 200, _json({})
    except (TypeError, ValueError) as error:
        return 400, _json({"error": str(error)})
    return 404, _json({"error": f"The emulator has no {http_method} {path}; it has ledger, script and reset."})


def _ledger(emulator: "GeminiEmulator") -> dict[str, Any]:
    totals = emulator.ledger.totals()
    lines = [{**asdict(line), "reconciled": line.reconciled} for line in emulator.ledger.lines]
    tokens = {**asdict(totals.tokens), "total": totals.tokens.total}
    return {"totals": {**asdict(totals), "tokens": tokens}, "lines": lines, "unused_replies": emulator.unused_replies}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, default=_exact, indent=2).encode() + b"\n"


def _exact(value: object) -> str:
    """Return dollars as text, so that no digit is lost."""
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no JSON form")
