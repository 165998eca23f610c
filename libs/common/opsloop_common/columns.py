"""What tables are made of, for the model and for its migration."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from opsloop_common.ids import uuid7
from opsloop_common.invisible import UNSEEN

Moment = sa.DateTime(timezone=True)


def comparable_column(column: sa.ColumnElement[Any] | InstrumentedAttribute[Any]) -> sa.ColumnElement[str]:
    """Return what `invisible.comparable` says of a column's text."""
    return sa.func.regexp_replace(column, f"[{UNSEEN}]", "", "g", type_=sa.Text)


class Versioned:
    """Columns of a row that people change: each change gives it the next version, which `ETag` and `If-Match` name.

    `opsloop_common.resources` finds, locks, changes and audits such rows. The clock is the service's, so the database has no
    defaults for times.
    """

    NOUN: ClassVar[str]
    """What it is called where somebody asks for one that is not there."""
    BY: ClassVar[str] = "id"
    """What names it in a path."""

    workspace: Mapped[str] = mapped_column(sa.Text)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)

    @property
    def subject(self) -> str:
        """Return what the audit log calls the row, such as `kpi/<id>`."""
        raise NotImplementedError

    def audited(self) -> dict[str, Any]:
        """Return what the audit log may keep of the row: states, numbers and labels; see `redaction`."""
        raise NotImplementedError


class Resource(Versioned):
    """A versioned row with an id."""

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True, default=uuid7)

    @property
    def subject(self) -> str:
        """Return the table and the id."""
        return f"{self.__tablename__}/{self.id}"  # type: ignore[attr-defined]


def versioned_columns(table: str) -> list[sa.Column[Any] | sa.Constraint]:
    """Return the columns of Resource and their primary key, for a migration's `create_table`."""
    return [
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def check_in(column: str, values: Iterable[str], *, table: str | None = None) -> sa.CheckConstraint:
    """Return the check that a column holds one of `values`: of a StrEnum in the model, which gives the check its name.

    A migration names the `table` and writes the values out, because it stays as it was released when the enum grows.
    """
    listed = ", ".join(f"'{value!s}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column if table is None else f"ck_{table}_{column}")
