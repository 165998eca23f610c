"""Tables of people: who there is, how they came in, and who may be the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, Resource, check_in
from opsloop_feedback.persons import rules
from opsloop_feedback.persons.rules import Reason
from opsloop_feedback.tables import Base


class Person(Resource, Base):
    """Somebody who posts, known by one id or address; `known_by` is null once they were erased."""

    NOUN = "person"
    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("workspace", "known_by", "is_verified", name="uq_person_known_by"),
        CheckConstraint("merged_into_id <> id AND joined_id <> id", name="itself"),
        CheckConstraint("(merged_into_id IS NULL) = (joined_id IS NULL)", name="joined"),
        Index("ix_person_newest", "workspace", "created_at", "id"),
        Index("ix_person_merged_into", "workspace", "merged_into_id", postgresql_where="merged_into_id IS NOT NULL"),
    )

    known_by: Mapped[str | None] = mapped_column(Text, comment="id:<user_id> or mail:<address>; null once erased")
    is_verified: Mapped[bool] = mapped_column(comment="false where a browser's key claims who it is")
    name: Mapped[str | None] = mapped_column(Text)
    joined_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("person.id"), comment="whom somebody merged it into: the way back"
    )
    merged_into_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("person.id"), comment="who stands for it; never one that another stands for"
    )

    @property
    def user_id(self) -> str | None:
        """Return the id by which they are known."""
        return rules.user_id_of(self.known_by)

    @property
    def email(self) -> str | None:
        """Return the address by which they are known who have no id."""
        return rules.email_of(self.known_by)

    def audited(self) -> dict[str, Any]:
        """Return who stands for them, and nothing of who they are."""
        return {"joined_id": self.joined_id, "merged_into_id": self.merged_into_id}


class PersonIdentity(Base):
    """A way by which somebody came in: a source, a channel, and the address that they gave, '' for none."""

    __tablename__ = "person_identity"
    __table_args__ = (Index("ix_person_identity_email", "workspace", "email", "since", postgresql_where="email <> ''"),)

    person_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    email: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(Moment)


class PersonSuggestion(Base):
    """Two who may be one; a person decides. Dismissed once, it stays so."""

    __tablename__ = "person_suggestion"
    __table_args__ = (
        check_in("reason", Reason),
        CheckConstraint("person_id < other_id", name="one_way_round"),
        UniqueConstraint("workspace", "person_id", "other_id", name="uq_person_suggestion_pair"),
        Index("ix_person_suggestion_open", "workspace", "created_at", "id", postgresql_where="dismissed_at IS NULL"),
        Index("ix_person_suggestion_other", "other_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    person_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("person.id", ondelete="CASCADE"))
    other_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("person.id", ondelete="CASCADE"))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    dismissed_at: Mapped[datetime | None] = mapped_column(Moment)
