"""What the emulator charges for one request: the tokens of its replies, and units that are charged in addition.

The prices of units are written out by hand, so that agreement with the package's own is meaningful. Source:
https://ai.google.dev/gemini-api/docs/pricing, paid tier, without free allowances.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from hydrochat_otel.testing.consumption import Consumption
from hydrochat_otel.testing.replies import Reply
from hydrochat_otel.testing.wire import Request

UNIT_USD: Final[Mapping[tuple[str, str], Decimal]] = MappingProxyType(
    {
        ("search_prompt", "gemini-2.5-flash"): Decimal("0.035"),
        ("search_query", "gemini-3-flash-preview"): Decimal("0.014"),
        ("maps_prompt", "gemini-2.5-flash"): Decimal("0.025"),
        ("image", "imagen-4.0-generate-001"): Decimal("0.04"),
        ("video_second", "veo-3.0-generate-001"): Decimal("0.40"),
        ("stored_token_hour", "gemini-2.5-flash"): Decimal("0.000001"),
    }
)
"""Dollars for one unit: a grounded prompt, a search query, an image, a second of video, a cached token in one hour."""

_VIDEO_SECONDS: Final = 8
_UNFINISHED: Final = frozenset({"in_progress", "queued"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one request costs.

    Attributes:
        used: The tokens, one for each reply of a model.
        charged_usd: Dollars in addition to the tokens.
        once: Name of what is billed once, however often it is requested; empty for a request that is billed by itself.
    """

    used: tuple[Consumption, ...] = ()
    charged_usd: Decimal = Decimal(0)
    once: str = ""


def bill_of(request: Request, reply: Reply) -> Bill:
    """Return the bill of a request that got this reply."""
    if reply.status_name in _UNFINISHED:
        return Bill()
    bill_by_units = _BY_UNITS.get(request.method)
    if bill_by_units is not None and request.kind != "embed":
        return bill_by_units(request, reply)
    charged_usd = _grounding(reply, reply.model_version or request.model)
    usage = reply.chunks[-1].usage if reply.chunks else reply.usage
    if usage is None:
        return Bill(charged_usd=charged_usd)
    is_once = request.method == "interactions.get" or request.body.get("background") is True
    once = reply.resource or "interaction-emulated" if is_once else ""
    return Bill(used=(usage.consumption(),), charged_usd=charged_usd, once=once)


def _batch(_request: Request, reply: Reply) -> Bill:
    used = tuple(replace(usage.consumption(), tier="batch") for usage in reply.batch)
    return Bill(used=used, once=reply.resource or "batches/emulated") if used else Bill()


def _videos(request: Request, reply: Reply) -> Bill:
    if not reply.videos:
        return Bill()
    return Bill(
        charged_usd=reply.videos * _VIDEO_SECONDS * _unit("video_second", reply.model_version or request.model),
        once=request.path,
    )


def _storage(_request: Request, reply: Reply) -> Bill:
    tokens = 0 if reply.usage is None else reply.usage.prompt
    token_hours = tokens * Decimal(str(reply.stored_hours))
    return Bill(charged_usd=token_hours * _unit("stored_token_hour", reply.model_version or "gemini-2.5-flash"))


def _images(request: Request, reply: Reply) -> Bill:
    images = int(request.body.get("parameters", {}).get("sampleCount", 1))
    return Bill(charged_usd=images * _unit("image", reply.model_version or request.model))


_BY_UNITS: Final[Mapping[str, Callable[[Request, Reply], Bill]]] = {
    "batches.get": _batch,
    "download": _batch,
    "operations.get": _videos,
    "fetchPredictOperation": _videos,
    "cachedContents.delete": _storage,
    "predict": _images,
}


def _grounding(reply: Reply, model: str) -> Decimal:
    queries = len(set(reply.queries)) or (0 if reply.usage is None else reply.usage.searches)
    searched = _unit("search_query", model) * queries
    if queries and not searched:
        searched = _unit("search_prompt", model)
    return searched + (_unit("maps_prompt", model) if reply.maps else Decimal(0))


def _unit(charge: str, model: str) -> Decimal:
    return UNIT_USD.get((charge, model), Decimal(0))
