"""The table of what posts say of their authors."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_feedback.authors.rules import SaidBy
from opsloop_feedback.tables import Base


class Author(Base):
    """What one source said last of how an author is reached, and when: what is older, or the same, tells nothing new."""

    __tablename__ = "author"
    __table_args__ = (check_in("said_by", SaidBy),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    said_by: Mapped[str] = mapped_column(Text, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)
    full_name: Mapped[str | None] = mapped_column(Text)
    said_at: Mapped[datetime] = mapped_column(Moment)
    feedback_id: Mapped[UUID] = mapped_column(Uuid, comment="the post that said it first, as it is now")
