"""Tables of persons."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, Resource
from opsloop_metrics.tables import Base


class Person(Resource, Base):
    """A person, under the id that its first distinct id made (`capture.rules.person_id`).

    One that was found to be another is gone, and `PersonMerge` says whom it became. `user_id` is what it is called by: its first id
    that the customer gave, or the first of all.
    """

    NOUN, BY = "user", "user_id"
    __tablename__ = "person"
    __table_args__ = (Index("ix_person_newest", "workspace", "first_seen_at", "id"),)

    user_id: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime] = mapped_column(Moment)
    is_identified: Mapped[bool]
    traits: Mapped[dict[str, Any]] = mapped_column(JSONB)
    set_at: Mapped[dict[str, Any]] = mapped_column(JSONB)

    def audited(self) -> dict[str, Any]:
        """Return what kind of person it was, and nothing that says who."""
        return {"is_identified": self.is_identified, "first_seen_at": self.first_seen_at}


class PersonAlias(Base):
    """An id that messages carry, and the living person whom it stands for."""

    __tablename__ = "person_alias"
    __table_args__ = (Index("ix_person_alias_person_id", "person_id", "distinct_id"),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    distinct_id: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("person.id", ondelete="CASCADE"))
    is_identified: Mapped[bool]
    is_claimed: Mapped[bool]
    met_at: Mapped[datetime] = mapped_column(Moment)


class PersonMerge(Base):
    """One person was found to be another; `into_id` is the living one, also after that one was found to be a third."""

    __tablename__ = "person_merge"
    __table_args__ = (Index("ix_person_merge_into_id", "into_id", "at", "from_id"),)

    from_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    into_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("person.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)


class GroupProfile(Base):
    """What is known of a group, such as the account `acme` of type `company`."""

    __tablename__ = "group_profile"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    first_seen_at: Mapped[datetime] = mapped_column(Moment)
    traits: Mapped[dict[str, Any]] = mapped_column(JSONB)
    set_at: Mapped[dict[str, Any]] = mapped_column(JSONB)


class PersonGroup(Base):
    """A person is in a group, since an event that said so."""

    __tablename__ = "person_group"

    person_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    type: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(Moment)


class ErasedPerson(Base):
    """An id whose person was erased, as a digest under the service's secret: enough to refuse it, not to say who it was."""

    __tablename__ = "erased_person"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(Moment)
