"""Encodes the notable turns of a process for the shared state, and decodes and checks those of others.

They travel inside a member's totals as one compressed text, which only a reader of turns decodes: publishing and
scraping pay for its length alone.
"""

import base64
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from hydrochat_otel.fleet import checks, entries
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import Turn, begins_a_turn, most_notable

MAX_TEXT: Final = 128 * 1024
"""The longest text that is read, in characters."""
_MAX_ENTRIES: Final = 400
"""The most entries of one member's turns; a turn that would exceed it is left out as a whole."""
_MAX_BYTES: Final = 1024 * 1024
"""The longest decompressed value."""
_OF_DEPARTED: Final = 50
"""The most turns of all departed members together."""
_DEPARTED_TTL_S: Final = 86_400.0
"""Seconds for which turns of departed members are kept."""
_LEVEL: Final = 1


def encode_turns(turns: Iterable[Turn]) -> str:
    """Return the turns as text, at most so many that a reader accepts it; empty if there are none."""
    chosen: list[Turn] = []
    left = _MAX_ENTRIES
    for turn in turns:
        if len(turn) <= left:
            chosen.append(turn)
            left -= len(turn)
    while chosen:
        raw = checks.dumps([[entries.fields_of(entry) for entry in turn] for turn in chosen])
        text = base64.b64encode(zlib.compress(raw, _LEVEL)).decode("ascii")
        if len(raw) <= _MAX_BYTES and len(text) <= MAX_TEXT:
            return text
        del chosen[len(chosen) // 2 :]
    return ""


def readable_text(raw: Any) -> str:
    """Return the text that a member's totals carry; empty if there is none or it fails its check."""
    try:
        return "" if raw is None else checks.text(raw, "notable", longest=MAX_TEXT)
    except DecodingError as error:
        _left_out(error, "The notable turns of a member are")
        return ""


@lru_cache(maxsize=32)
def readable_turns(text: str) -> tuple[Turn, ...]:
    """Return the turns of a text; those that cannot be read are left out, counted and named in the log."""
    if not text:
        return ()
    try:
        raw = _turns(text)
    except DecodingError as error:
        _left_out(error, "The notable turns of a member are")
        return ()
    read = (_readable_turn(one) for one in raw)
    return tuple(turn for turn in read if turn is not None)


def entries_since(texts: Iterable[str], oldest_unix_s: float) -> list[Entry]:
    """Return the entries of all turns that ended after a moment, in seconds since the epoch."""
    turns = (turn for text in texts for turn in readable_turns(text))
    return [entry for turn in turns if turn[-1].end_unix_s > oldest_unix_s for entry in turn]


def departed_text(texts: Iterable[str], unix_s: float) -> str:
    """Return the most notable turns of departed members together."""
    turns = {turn[-1]: turn for text in texts for turn in readable_turns(text)}
    oldest_unix_s = unix_s - _DEPARTED_TTL_S
    live = (turn for turn in turns.values() if turn[-1].end_unix_s > oldest_unix_s)
    return encode_turns(most_notable(live, _OF_DEPARTED, oldest_unix_s))


def _turns(text: str) -> Sequence[Any]:
    """Return the turns, not yet checked; a text that decompresses to more than its bound is refused before it does."""
    try:
        inflating = zlib.decompressobj()
        data = inflating.decompress(base64.b64decode(text, validate=True), _MAX_BYTES)
    except (ValueError, zlib.error):
        checks.refuse("The text cannot be decompressed")
    if inflating.unconsumed_tail or not inflating.eof:
        checks.refuse(f"The text is cut, or has more than {_MAX_BYTES} bytes")
    raw = checks.sequence(checks.loads(data, "The text"), "notable")
    if sum(len(turn) for turn in raw if type(turn) is list) > _MAX_ENTRIES or len(raw) > _MAX_ENTRIES:
        checks.refuse(f"There are more than {_MAX_ENTRIES} entries")
    return raw


def _readable_turn(raw: Any) -> Turn | None:
    try:
        turn = tuple(entries.entry_of(one) for one in checks.sequence(raw, "a turn"))
        if not turn or not begins_a_turn(turn[-1]):
            checks.refuse("a turn does not end with its root")
        if any(entry.trace_id != turn[-1].trace_id for entry in turn):
            checks.refuse("a turn has entries of several traces")
    except DecodingError as error:
        _left_out(error, "A notable turn of a member is")
        return None
    return turn


def _left_out(error: DecodingError, what: str) -> None:
    failures.note("state.record", error, sentence=f"{what} left out: {error}")
