"""The plumbing's own history. Each service's migration calls the step that its release brought."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection

V1_TABLES = (
    "api_key",
    "audit",
    "delivery_cursor",
    "due",
    "idempotency",
    "inbox",
    "job",
    "outbox",
    "outbox_log",
    "outbox_stream",
    "parked_event",
    "worker",
    "workspace",
)


def upgrade_v1(connection: Connection) -> None:
    """Create the plumbing tables of version 1, as they were released whatever the models say today."""
    script = files("opsloop_common.plumbing").joinpath("v1.sql").read_text()
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def downgrade_v1(connection: Connection) -> None:
    """Drop the plumbing tables of version 1."""
    for table in V1_TABLES:
        connection.exec_driver_sql(f'DROP TABLE "{table}"')
