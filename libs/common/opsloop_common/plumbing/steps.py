"""The plumbing's own history. Each service's migration calls the step that its release brought."""

from __future__ import annotations

from sqlalchemy import Connection

from opsloop_common.plumbing import metadata


def upgrade_v1(connection: Connection) -> None:
    """Create the plumbing tables of version 1."""
    metadata.create_all(connection)


def downgrade_v1(connection: Connection) -> None:
    """Drop the plumbing tables of version 1."""
    metadata.drop_all(connection)
