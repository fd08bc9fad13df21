"""The network that a client address belongs to: the unit of every limit on anonymous clients."""

import ipaddress
from functools import lru_cache

_IPV6_PREFIX = 64
_MAX_CHARACTERS = 64


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Return the IPv4 address itself, the /64 of an IPv6 address, or any other text cut to 64 characters.

    A dual-stack socket reports an IPv4 client as `::ffff:a.b.c.d`; that counts as the IPv4 address.
    """
    if ":" not in address:
        return address[:_MAX_CHARACTERS]
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address[:_MAX_CHARACTERS]
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _IPV6_PREFIX), strict=False))
