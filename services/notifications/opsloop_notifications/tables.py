"""The service's tables stand in one MetaData; each room declares its own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Select, Text, Uuid, extract, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from opsloop_common.due.claims import DueColumns
from opsloop_common.plumbing import NAMING

Moment = DateTime(timezone=True)
Json = JSONB(none_as_null=True)


class Base(DeclarativeBase):
    """Tables of the notifications service."""

    metadata = MetaData(naming_convention=NAMING)


class QueueColumns(DueColumns):
    """Work that leaves the house: a small table of ids beside the history that it belongs to, so that claiming stays cheap.

    A row is there as long as something is to be tried. `tries` counts those that ended, so a crash in between costs none.
    """

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)

    @classmethod
    def waiting(cls, now: datetime) -> Select[int, int, float]:
        """Return the statement for how many are due, how many later, and for how many seconds the oldest has been due."""
        oldest = extract("epoch", literal(now, Moment) - func.min(cls.due_at))
        return select(
            func.count().filter(cls.due_at <= now), func.count().filter(cls.due_at > now), func.coalesce(oldest, 0)
        ).select_from(cls)
