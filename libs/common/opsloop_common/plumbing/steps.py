"""The plumbing's own history. Each service's migration calls the step that its release brought."""

from __future__ import annotations

import re
from importlib.resources import files

from sqlalchemy import Connection

_SCRIPTS = files("opsloop_common.plumbing")


def _script(name: str) -> str:
    return _SCRIPTS.joinpath(name).read_text()


def _run(connection: Connection, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def _drop_tables(connection: Connection, script: str) -> None:
    for table in re.findall(r"^CREATE TABLE (\w+)", script, re.MULTILINE):
        connection.exec_driver_sql(f'DROP TABLE "{table}"')


def upgrade_v1(connection: Connection) -> None:
    """Create the plumbing tables of version 1, as they were released whatever the models say today."""
    _run(connection, _script("v1.sql"))


def downgrade_v1(connection: Connection) -> None:
    """Drop the plumbing tables of version 1."""
    _drop_tables(connection, _script("v1.sql"))


def upgrade_v2(connection: Connection) -> None:
    """Give keys a source, a parent and quotas, and add secrets of end users and links to pages."""
    _run(connection, _script("v2.sql"))


def downgrade_v2(connection: Connection) -> None:
    """Take version 2 back; publishable keys end, since version 1 would read them as ordinary ones."""
    _drop_tables(connection, _script("v2.sql"))
    connection.exec_driver_sql("DELETE FROM api_key WHERE publishable")
    for column in ("source", "publishable", "origins", "rows_per_day", "bytes_per_day", "parent_id"):
        connection.exec_driver_sql(f"ALTER TABLE api_key DROP COLUMN {column}")


def upgrade_v3(connection: Connection) -> None:
    """Bring version 3: work that recurs, the workspaces that a service knows, queues in which workspaces take turns."""
    _run(connection, _script("v3.sql"))


def downgrade_v3(connection: Connection) -> None:
    """Take version 3 back."""
    _drop_tables(connection, _script("v3.sql"))
    connection.exec_driver_sql("DROP INDEX ix_due_turns")
    connection.exec_driver_sql("ALTER TABLE outbox_stream DROP COLUMN ended_at")
    connection.exec_driver_sql("ALTER TABLE due DROP COLUMN first_failed_at")
    connection.exec_driver_sql("DROP INDEX ix_due_recurring")


def upgrade_v4(connection: Connection) -> None:
    """Bring version 4: copies of a workspace's settings know which of their changes the owner has not answered."""
    _run(connection, _script("v4.sql"))


def downgrade_v4(connection: Connection) -> None:
    """Take version 4 back."""
    for column in ("copy_version", "asked", "asked_at"):
        connection.exec_driver_sql(f"ALTER TABLE workspace DROP COLUMN {column}")
