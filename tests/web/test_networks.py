"""Promises of :mod:`hydrochat_otel.web.networks`."""

import pytest
from hypothesis import given, strategies as st

from hydrochat_otel.web.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:0a00:0001", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no:address" * 50, ("no:address" * 50)[:64]),
        ("unix" * 50, ("unix" * 50)[:64]),
    ],
)
def test_the_unit_of_limits(address, network):
    """An IPv4 address is one network, also when a dual-stack socket reports it; so is a /64 of IPv6."""
    assert network_of(address) == network


@given(st.text(max_size=300))
def test_no_address_raises(address):
    """Whatever a host reports as the address, there is a network of at most 64 characters."""
    assert len(network_of(address)) <= 64
