"""Changes bytes and JSON values in ways that have broken parsers before; everything comes from one seeded generator."""

import json
from copy import deepcopy

STRANGE = (
    None, True, False, -1, 0, 1, 2**31, 2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**400, 0.5, 1e-320, 1e308,
    -1e308, "", "x", "nan", "inf", "-inf", "1e999999999", "1", "\x00", "\n", '"', "{}", "\U0001f600", "\ud800",
    "é" * 3000, "\x1b[31m", "../../etc", [], {}, [[]], [1, 2], {"a": 1}, {"": ""}, {"le": "1"},
)  # fmt: skip
"""Values that take the place of others in JSON."""

TOKENS = (
    b"0", b"-", b"9" * 40, b"1e309", b"1e-999999999", b"NaN", b"Infinity", b"true", b"null", b"\x00", b"\xff", b"\xc3",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b'"', b"'", b"[", b"]", b"{", b"}", b",", b";", b"=", b"%",
    b"%00", b"%ff", b"+", b"&", b"\n", b"\r\n", b"\t", b".", b"..", b"/", b"\\u0000", b"\\ud800", b"\x1b[2J",
    b"9999-12-31", b"0000-00-00", b"23:59:60", b"(1,00)", b"\xe2\x82\xac", b"1.234,56", b"a" * 5000,
)  # fmt: skip
"""Texts that take the place of others in bytes."""


_DEEPEST = 20
"""Changes happen down to here; an input that grows by itself is deep at last."""


def changed(data, random_, *, others=()):
    """Return the bytes after one to four changes."""
    for _ in range(random_.choice((1, 1, 2, 4))):
        data = _changed_once(data, random_, others)
    return data


def _changed_once(data, random_, others):
    at = random_.randrange(len(data) + 1)
    end = min(len(data), at + random_.choice((1, 1, 2, 8, 40)))
    token = random_.choice(TOKENS)
    other = random_.choice(others or (data,))
    made = random_.choice(
        (
            bytes([random_.randrange(256)]) + data[at + 1 :],
            data[end:],
            data[at:end] * random_.choice((2, 3, 50)) + data[end:],
            other[random_.randrange(len(other) + 1) :],
            b"",
            token + data[at:],
            token + data[end:],
            token + data[end:],
        )
    )
    return data[:at] + made


def changed_json(data, random_):
    """Return JSON with one to three values replaced, removed, doubled or renamed; as bytes if it is no JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return changed(data, random_)
    for _ in range(random_.choice((1, 1, 2, 3))):
        value = _altered(value, random_)
    try:
        text = json.dumps(value, ensure_ascii=random_.random() < 0.5)
    except (RecursionError, ValueError):
        return changed(data, random_)
    return text.encode("utf-8", "surrogatepass")


def _altered(value, random_):
    places = [place for place in _places(value) if place]
    if not places:
        return deepcopy(random_.choice(STRANGE))
    *above, last = random_.choice(places)
    inside = value
    for key in above:
        inside = inside[key]
    kind = random_.randrange(6)
    if kind == 0:
        del inside[last]
    elif kind == 1 and isinstance(inside, list):
        inside.append(deepcopy(inside[last]))
    elif kind == 2 and isinstance(inside, dict):
        inside[random_.choice(("", "x", "\x00", "__class__", "é" * 200))] = inside.pop(last)
    elif kind == 3 and isinstance(inside[last], int | float) and abs(inside[last]) < 1e300:
        inside[last] = inside[last] * random_.choice((-1, 10, 1e9, 0.1))
    else:
        inside[last] = deepcopy(random_.choice(STRANGE))
    return value


def _places(value, at=()):
    yield at
    if isinstance(value, dict | list) and len(at) < _DEEPEST:
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(one, (*at, key))
