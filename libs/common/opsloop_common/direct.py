"""Connections beside the pool, for what belongs to a session: advisory locks and LISTEN. Never through a transaction pooler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from opsloop_common.db import Database

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 30.0


async def connect(
    database: Database, url: str | None = None, *, purpose: str, settings: dict[str, str] | None = None
) -> asyncpg.Connection:
    """Open a connection of its own to `url` (default: the database's own URL); commands time out after 30 s."""
    address = make_url((url or database.url).replace("postgres://", "postgresql://", 1))
    _, options = database.engine.dialect.create_connect_args(address)
    options.pop("prepared_statement_cache_size", None)
    return await asyncpg.connect(
        **options,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={"application_name": f"opsloop-{database.service}-{purpose}", "timezone": "UTC"}
        | (settings or {}),
    )


async def close(connection: asyncpg.Connection) -> None:
    """Close a connection without waiting for a server that does not answer."""
    try:
        await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
