"""Which addresses an outbound call may reach. Pure: the address comes in, the verdict goes out.

Built from block lists of our own: `ipaddress.is_global` calls NAT64, 6to4, site-local, multicast, 192.88.99.0/24 and
168.63.129.16 global (measured on Python 3.11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from opsloop_common.foreign import readable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_PUBLIC_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, Tailscale
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's wire server: a public address that answers inside only
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")  # everything else is not handed out as unicast, so it is refused without a list
NOT_PUBLIC_V6 = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address to wherever the next relay likes
        "3fff::/20",  # documentation
    )
)
NAT64 = IPv6Network("64:ff9b::/96")
METADATA: tuple[Network, ...] = (
    IPv4Network("169.254.0.0/16"),  # AWS, GCP, Azure, OpenStack, Tencent, ECS and EKS credentials
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fd00:ec2::/32"),  # AWS
    IPv6Network("fd20:ce::254/128"),  # GCP
)


def judged_address(address: Address) -> Address:
    """Return the address that is really reached: IPv4-mapped and NAT64 addresses carry one inside."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Say whether `address` (already unwrapped) is reachable by everybody on the Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    return address in GLOBAL_V6 and not any(address in network for network in NOT_PUBLIC_V6)


def is_loopback(address: Address) -> bool:
    """Say whether an address is this machine wherever it runs: loopback, or the unspecified one, which connects to it."""
    return address.is_loopback or address.is_unspecified


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read comma-separated CIDRs; raises ValueError for anything else."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class AddressPolicy:
    """What one deployment lets its users reach.

    `public` lets public addresses through; `allowed` names more. A metadata address opens only to a network that names
    exactly it. Our own front door stays shut whatever is allowed, since calling it would make a loop: `own_names`, and
    `own_ports` at every address that is ours (`own_addresses`, or `is_here` says that it is this machine's).
    """

    mode: Literal["public", "allowlist"] = "public"
    allowed: tuple[Network, ...] = ()
    own_names: frozenset[tuple[str, int]] = frozenset()
    own_ports: frozenset[int] = frozenset()
    own_addresses: frozenset[Address] = frozenset()
    is_here: Callable[[Address], bool] = is_loopback

    def allows(self, address: str, port: int) -> bool:
        """Say whether a connection to this concrete address and port may be opened."""
        parsed = readable(ip_address, address)
        if parsed is None:
            return False
        if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
            return False
        inner = judged_address(parsed)
        if port in self.own_ports and (inner in self.own_addresses or self.is_here(inner)):
            return False
        if any(inner.version == net.version and inner in net for net in METADATA):
            return any(net.num_addresses == 1 and inner in net for net in self.allowed if net.version == inner.version)
        if any(inner in net for net in self.allowed if net.version == inner.version):
            return True
        return self.mode == "public" and is_public(inner)

    def allows_all(self, addresses: Iterable[str], port: int) -> bool:
        """Say whether there are addresses and every one of them may be reached: one bad answer spoils the name."""
        found = list(addresses)
        return bool(found) and all(self.allows(address, port) for address in found)

    def is_own(self, host: str, port: int) -> bool:
        """Say whether the name and port are our own public address."""
        return (host.rstrip(".").lower(), port) in self.own_names
