"""The plumbing's own history. Each service's migration calls the step that its release brought."""

from __future__ import annotations

import re
from importlib.resources import files

from sqlalchemy import Connection

_V1 = files("opsloop_common.plumbing").joinpath("v1.sql")


def upgrade_v1(connection: Connection) -> None:
    """Create the plumbing tables of version 1, as they were released whatever the models say today."""
    for statement in _V1.read_text().split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def downgrade_v1(connection: Connection) -> None:
    """Drop the plumbing tables of version 1."""
    for table in re.findall(r"^CREATE TABLE (\w+)", _V1.read_text(), re.MULTILINE):
        connection.exec_driver_sql(f'DROP TABLE "{table}"')
