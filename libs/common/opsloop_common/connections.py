"""Connections to PostgreSQL that never wait for a server for ever.

Every statement has two deadlines: the server's own, and half a second later ours. What has no answer then is taken for dead:
asyncpg would ask the server to cancel, over a network that has just swallowed everything, and keep the connection until it agrees.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from opsloop_common import database_address, limits
from opsloop_common.database_address import Address
from opsloop_common.telemetry.spans import current


@dataclass(frozen=True)
class Patience:
    """How long a connection waits for one statement, and its user for a connection."""

    statement_seconds: float = limits.DATABASE_STATEMENT_SECONDS
    checkout_seconds: float = limits.DATABASE_CHECKOUT_SECONDS

    @property
    def answer_seconds(self) -> float:
        """Return when we give a connection up: a little after the server would have given the statement up."""
        return self.statement_seconds + limits.DATABASE_GRACE_SECONDS

    @property
    def request_seconds(self) -> float:
        """Return how long all of a request's waits may take together: little longer than one, so that an answer does not wait for two."""
        return self.answer_seconds + limits.DATABASE_GRACE_SECONDS

    def server_settings(self) -> dict[str, str]:
        """Return what the server is to do by itself about us: about our statements, our locks, and our silence."""
        return {
            "statement_timeout": _milliseconds(self.statement_seconds),
            "lock_timeout": _milliseconds(self.statement_seconds * 0.9),  # first, so that the reason is known
            "idle_in_transaction_session_timeout": _milliseconds(
                max(limits.DATABASE_IDLE_IN_TRANSACTION_SECONDS, self.statement_seconds)
            ),
            "client_connection_check_interval": _milliseconds(limits.DATABASE_CLIENT_CHECK_SECONDS),
            "tcp_keepalives_idle": str(limits.TCP_IDLE_SECONDS),
            "tcp_keepalives_interval": str(limits.TCP_INTERVAL_SECONDS),
            "tcp_keepalives_count": str(limits.TCP_PROBES),
            "tcp_user_timeout": _milliseconds(limits.TCP_UNACKNOWLEDGED_SECONDS),
        }

    def arguments(self) -> dict[str, Any]:
        """Return asyncpg's arguments beside the address and the server's settings."""
        return {
            "timeout": limits.DATABASE_CONNECT_SECONDS,
            "command_timeout": self.answer_seconds,
            "connection_class": Connection,
        }


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


class Connection(asyncpg.Connection):  # type: ignore[misc] # asyncpg is not typed
    """A connection that is lost when a statement on it gets no answer in time, or nobody waits for the answer any more."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        self.opened_at = time.monotonic()
        keep_alive(transport)

    def _cancel_current_command(self, *_waiters: asyncio.Future[None]) -> None:
        # asyncpg's one hook for both; not at once: it still writes a SYNC
        self._loop.call_soon(self._transport.abort)

    async def fetch(self, query: str, *values: Any, **options: Any) -> list[asyncpg.Record]:
        """Run a statement and return its rows; what SQLAlchemy runs does not come by here."""
        span = current()
        if span is None:
            return await super().fetch(query, *values, **options)  # type: ignore[no-any-return]
        with span.statement(query):
            return await super().fetch(query, *values, **options)  # type: ignore[no-any-return]

    async def close(self, *, timeout: float | None = None) -> None:
        """Say good-bye, for a second at most."""
        try:
            await super().close(timeout=min(timeout or limits.DATABASE_CLOSE_SECONDS, limits.DATABASE_CLOSE_SECONDS))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.terminate()


def arguments(
    address: Address, *, name: str, patience: Patience, settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return asyncpg's arguments beside those of `address.url`: our time-outs, and the settings that the server begins with.

    `name` is what the server's lists show when the address itself says nothing.
    """
    begun = {"application_name": address.application_name or name, "timezone": "UTC"}
    server_settings = begun | patience.server_settings() | dict(settings or {})
    return {**patience.arguments(), **address.options, "server_settings": server_settings}


async def connect(url: str, *, name: str, patience: Patience, settings: Mapping[str, str]) -> Connection:
    """Open a connection that belongs to no engine: `name` is what the server's lists show, `settings` what it begins with."""
    address = database_address.read(url)
    _, options = address.url.get_dialect()().create_connect_args(address.url)
    options.pop("prepared_statement_cache_size", None)  # SQLAlchemy's own
    options.update(arguments(address, name=name, patience=patience, settings=settings))
    connection: Connection = await asyncpg.connect(**options)
    return connection


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the kernel notice a peer that is gone: within 11 s on an idle TCP connection, 10 s on one with unsent data."""
    end = transport.get_extra_info("socket")
    if end is None or end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.TCP_IDLE_SECONDS)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, limits.TCP_INTERVAL_SECONDS)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, limits.TCP_PROBES)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limits.TCP_UNACKNOWLEDGED_SECONDS * 1000)
