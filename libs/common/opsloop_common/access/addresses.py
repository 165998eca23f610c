"""Whom a connection or request is counted for: a token, an address, or the caller behind a proxy that is trusted.

Nothing else reads these out of a request: what a stranger can spell in two ways must not be two strangers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from opsloop_common.foreign import readable

Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Read CIDRs, comma-separated; raises ValueError."""
    return tuple(ip_network(part) for part in (piece.strip() for piece in text.split(",")) if part)


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization` header, None when there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def counted_as(host: str) -> str:
    """Return what an address is counted as: an IPv6 caller has a /64 of them, and an IPv4 caller may come as IPv6."""
    if ":" not in host:
        return host
    address = readable(ip_address, host.partition("%")[0])
    if address is None:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((int(address) >> 64 << 64, 64)))
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_within(host: str, trusted: Sequence[Network]) -> bool:
    """Say whether an address is in one of the networks; what is no address is in none."""
    if not trusted:
        return False
    address = readable(ip_address, host.partition("%")[0])
    if address is None:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in trusted)


def caller(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]) -> str:
    """Return the address that a request comes from: the last one in `X-Forwarded-For` that no trusted proxy is.

    Some proxies write `ip:port`, and `[ip]:port` of IPv6; the port is dropped.
    """
    if not is_within(peer, trusted):
        return peer
    named = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    for part in reversed([part.strip() for part in named.split(",") if part.strip()]):
        peer = _without_port(part)[:64]  # no address is longer
        if not is_within(peer, trusted):
            break
    return peer


def scheme(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return what the last `X-Forwarded-Proto` says, which a trusted proxy wrote; None when it says nothing known."""
    said = [value.strip().lower() for name, value in headers if name == b"x-forwarded-proto"]
    return said[-1].decode() if said and said[-1] in (b"http", b"https") else None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host
