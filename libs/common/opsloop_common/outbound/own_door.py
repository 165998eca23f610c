"""Where our own front door is: the names, ports and addresses at which a call would reach ourselves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from opsloop_common.foreign import Unreadable, reading
from opsloop_common.outbound.rules import Address, AddressPolicy, is_loopback, judged_address, parse_networks
from opsloop_common.settings import Settings

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
_LOOKUP_SECONDS = 2.0
_PORTS = {"http": 80, "https": 443}


def policy_from(settings: Settings) -> AddressPolicy:
    """Return the address policy that the operator's settings describe."""
    ports = {settings.port} if settings.port else set()
    names: frozenset[tuple[str, int]] = frozenset()
    if settings.public_url:
        parts = urlsplit(settings.public_url)
        port = parts.port or _PORTS.get(parts.scheme, 443)
        ports.add(port)
        names = frozenset({(parts.hostname.rstrip(".").lower(), port)}) if parts.hostname else names
    return AddressPolicy(
        settings.outbound, parse_networks(settings.outbound_allow), names, frozenset(ports), is_here=is_here
    )


def is_here(address: Address) -> bool:
    """Say whether an address is one of this machine's own.

    The system is asked from which address it would send there: to itself it sends from itself. No packet leaves, and
    addresses that came and went since the start are known.
    """
    if is_loopback(address):
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:  # no way there: not here either
        return False


async def with_own_addresses(policy: AddressPolicy, lookup: Lookup) -> AddressPolicy:
    """Return the policy that also knows where our own public name leads now; unchanged when the DNS does not say."""
    found: set[Address] = set()
    try:
        with reading():
            async with asyncio.timeout(_LOOKUP_SECONDS):
                for name, port in policy.own_names:
                    found |= {judged_address(ip_address(address)) for address in await lookup(name, port)}
    except Unreadable:
        return policy
    return replace(policy, own_addresses=frozenset(found))
