"""Tables of the index: what each post is found by, the way back from a term, and how many posts have it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_feedback.tables import Base


class IndexedFeedback(Base):
    """What one post is found by, as `terms.rules` read it."""

    __tablename__ = "indexed_feedback"
    __table_args__ = (
        Index(
            "ix_indexed_feedback_likeness",
            "workspace",
            "likeness",
            "feedback_id",
            postgresql_where="likeness IS NOT NULL",
        ),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    tok: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="each term once, those of the title first")
    in_title: Mapped[int] = mapped_column(SmallInteger)
    is_denial: Mapped[bool]
    likeness: Mapped[bytes | None] = mapped_column(LargeBinary, comment="what repeats have in common")
    is_hidden: Mapped[bool] = mapped_column(comment="like nothing: another stands for it")
    is_repeat: Mapped[bool] = mapped_column(comment="and says the same, so that no term leads to it either")
    engine: Mapped[int] = mapped_column(Integer, comment="the rules by which it was read")


class FeedbackToken(Base):
    """One term of one post that can be found: from the term to the newest posts by the primary key alone."""

    __tablename__ = "feedback_token"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    token: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    feedback_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class TokenDf(Base):
    """How many posts of a workspace have a term; the empty term stands for all posts."""

    __tablename__ = "token_df"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    token: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    posts: Mapped[int] = mapped_column(Integer)


class TokenDfChange(Base):
    """What a batch changed of these numbers: added to them soon, so that no two batches wait for each other's common words."""

    __tablename__ = "token_df_change"
    __table_args__ = (Index("ix_token_df_change_oldest", "workspace", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    tokens: Mapped[list[str]] = mapped_column(ARRAY(Text))
    changes: Mapped[list[int]] = mapped_column(ARRAY(Integer))
