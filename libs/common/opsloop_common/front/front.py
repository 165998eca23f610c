"""What the connections of one server share: how many there are, what they hold, and the watch over them."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter as Tally
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from opsloop_common import limits
from opsloop_common.access.addresses import Network
from opsloop_common.access.buckets import Buckets
from opsloop_common.front import refusals
from opsloop_common.front.flow import InTurn
from opsloop_common.front.refusals import Refusal

if sys.platform != "win32":
    import resource

WATCH_SECONDS = 1.0
QUIET_SECONDS = 60.0  # without a closing, and the next one is news again

log = structlog.get_logger(__name__)


def file_limit() -> int | None:
    """Return how many files this process may open; None where that is not limited so."""
    if sys.platform == "win32":
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def connection_bound(wanted: int, files: int | None) -> int:
    """Return how many connections may be held: as wanted, but a reserve of files stays for everything else."""
    if files is None:
        return wanted
    return max(16, min(wanted, files - min(limits.RESERVED_FILES, files // 2)))


class Holder(NamedTuple):
    """For whom a connection holds a body: its key (all without one of an address are one), and its address."""

    key: object
    address: str


class Connection(Protocol):
    """A connection, as far as the front looks after it."""

    address: str
    is_proxy: bool
    since: float
    holds: dict[object, int]
    loop: asyncio.AbstractEventLoop

    @property
    def is_idle(self) -> bool:
        """Say whether nobody is owed an answer here."""
        ...

    @property
    def announced(self) -> int | None:
        """Return how long the body at hand says that it is."""
        ...

    @property
    def is_unfinished(self) -> bool:
        """Say whether more of a body is to come."""
        ...

    def behind(self, now: float) -> float:
        """Return how many bytes the body at hand lacks of what should have come by now."""
        ...

    def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, and close."""
        ...

    def close_at_once(self, reason: str) -> None:
        """End it without a word."""
        ...

    def check(self, now: float, seconds: float) -> None:
        """Look whether its peer is too slow."""
        ...


class Front:
    """Admits connections up to a bound, counts what they hold, and closes those whose peer is too slow."""

    def __init__(
        self,
        *,
        connections: int = limits.CONNECTIONS,
        trusted: Sequence[Network] = (),
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.bound = connections
        self.share = max(8, int(connections * limits.CONNECTIONS_PER_ADDRESS))
        self.trusted = tuple(trusted)
        # dicts for their order: the first is the oldest
        self.connections: dict[Connection, None] = {}
        self.silent: dict[Connection, None] = {}
        self.by_address: dict[str, dict[Connection, None]] = {}
        self.unread: dict[Connection, int] = {}
        self.unread_bytes = 0
        self.held: Tally[object] = Tally()
        self.holders: dict[Connection, Holder] = {}
        self._keyless = Buckets(limits.KEYLESS_PER_SECOND, limits.KEYLESS_AT_ONCE, kept=limits.STRANGER_ADDRESSES)
        self.starts = InTurn(limits.KEYLESS_IN_A_TURN)  # requests that no key answers for: those with one go between
        self.reads = InTurn(limits.LARGE_READS_IN_A_TURN)
        self._closed_for_room_at = float("-inf")
        registry = registry or CollectorRegistry()
        Gauge("opsloop_http_connections", "Connections that are open.", registry=registry).set_function(
            lambda: len(self.connections)
        )
        self.refused = Counter(
            "opsloop_http_refused", "Connections closed by the front, by reason.", ("reason",), registry=registry
        )

    # Connections

    def admit(self, connection: Connection) -> Refusal | None:
        """Count a new connection, and close an older one where there are too many; returns why there is no room at all."""
        refusal = self._make_room(connection)
        self.connections[connection] = None
        self.silent[connection] = None
        self.by_address.setdefault(connection.address, {})[connection] = None
        return refusal

    def forget(self, connection: Connection) -> None:
        """Count a connection no more."""
        self.connections.pop(connection, None)
        self.silent.pop(connection, None)
        self.read(connection)
        self.release(connection)
        if of_address := self.by_address.get(connection.address):
            of_address.pop(connection, None)
            if not of_address:
                del self.by_address[connection.address]

    def _make_room(self, connection: Connection) -> Refusal | None:
        neighbours = self.by_address.get(connection.address, {})
        if len(neighbours) >= self.share and not connection.is_proxy:
            return None if self._close_one_of(neighbours) else refusals.ADDRESS_HAS_TOO_MANY
        if len(self.connections) >= self.bound:
            return None if self._close_one_of(self.connections) else refusals.TOO_MANY_CONNECTIONS
        return None

    def _close_one_of(self, crowd: dict[Connection, None]) -> bool:
        """Close the one that has said nothing for the longest time, else the one that has been idle for the longest."""
        victim = next(iter(self.silent), None) if crowd is self.connections else None
        victim = victim or next((other for other in crowd if other in self.silent), None)
        if victim is None:
            idle = [other for other in crowd if other.is_idle]
            victim = min(idle, key=lambda other: other.since, default=None)
        if victim is None:
            return False
        self._tell(victim.loop.time())
        victim.close_at_once("room")
        # not when its end has been seen: many may come before that
        self.forget(victim)
        return True

    def _tell(self, now: float) -> None:
        if now - self._closed_for_room_at > QUIET_SECONDS:
            log.warning(
                "too many connections: the oldest silent or idle ones are closed to make room",
                bound=self.bound,
                share_of_an_address=self.share,
            )
        self._closed_for_room_at = now

    # What requests ask, and hold

    def may_ask_without_key(self, address: str, now: float) -> bool:
        """Count a request that no key answers for; says whether its address may ask so much."""
        left = self._keyless.left(address, now)
        if left < 1.0:
            return False
        self._keyless.take(address, left, now)
        return True

    def hold(self, connection: Connection, *, credential: object, caller: str, size: int) -> Refusal | None:
        """Count `size` more bytes of a body that is on its way; returns why that is too much.

        Where an address or the process has no room, whoever holds most gives way, unless that would be this request itself.
        """
        held = self.held
        if credential is not None and held[credential] + size > limits.BODY_BYTES_PER_KEY:
            return refusals.KEY_HOLDS_TOO_MUCH
        asks = Holder(("no key", caller) if credential is None else credential, caller)
        while held[caller] + size > limits.BODY_BYTES_PER_ADDRESS:
            if not self._one_gives_way(connection, asks, size, within=caller):
                return refusals.ADDRESS_HOLDS_TOO_MUCH
        while held[None] + size > limits.BODY_BYTES_PER_PROCESS:
            if not self._one_gives_way(connection, asks, size):
                return refusals.TOO_MUCH_HELD
        self.holders[connection] = asks
        for owner in (None, *asks):
            held[owner] += size
            connection.holds[owner] = connection.holds.get(owner, 0) + size
        return None

    def _one_gives_way(self, connection: Connection, asks: Holder, size: int, within: str | None = None) -> bool:
        """End an unfinished body of the key, else of the address, that holds most, if this is more than `connection` would."""
        grows = max(size, (connection.announced or 0) - connection.holds.get(None, 0))
        now = connection.loop.time()
        crowd = [
            (other, holder)
            for other, holder in self.holders.items()
            if other.is_unfinished and within in (None, holder.address)
        ]
        for level in range(len(asks)):
            weighed = [(self.held[holder[level]], other.behind(now), other) for other, holder in crowd]
            most, _, other = max(weighed, key=lambda entry: entry[:2], default=(0, 0.0, connection))
            if most > self.held[asks[level]] + grows:
                other.refuse(refusals.GAVE_WAY)
                self.release(other)
                return True
        return False

    def release(self, connection: Connection) -> None:
        """Count what a request held no more."""
        self.holders.pop(connection, None)
        for owner, size in connection.holds.items():
            self.held[owner] -= size
            if self.held[owner] <= 0:
                del self.held[owner]
        connection.holds.clear()

    def not_read(self, connection: Connection, size: int) -> None:
        """Count an answer that its reader does not take; the one not taken for the longest time goes when it is too much."""
        self.read(connection)
        self.unread[connection] = size
        self.unread_bytes += size
        while self.unread_bytes > limits.UNREAD_ANSWER_BYTES and len(self.unread) > 1:
            oldest = next(iter(self.unread))
            oldest.close_at_once("unread_answers")
            self.read(oldest)

    def read(self, connection: Connection) -> None:
        """Count an answer that has been taken no more."""
        self.unread_bytes -= self.unread.pop(connection, 0)

    # Time

    async def keep_watch(self) -> None:
        """Look at every connection once a second, for ever: one timer for all costs a request nothing."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = loop.time()
            for connection in list(self.connections):
                connection.check(now, WATCH_SECONDS)
