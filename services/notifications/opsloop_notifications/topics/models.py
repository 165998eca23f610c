"""Table of topics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import CheckConstraint, Index, Interval, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_notifications.tables import Base, Json


class Topic(Resource, Base):
    """What people may want to hear or not. Messages name its key; one that no topic has is wanted, and not critical."""

    NOUN = "notification topic"
    __tablename__ = "notification_topic"
    __table_args__ = (
        UniqueConstraint("workspace", "key"),
        CheckConstraint("(throttle_count IS NULL) = (throttle_window IS NULL)", name="throttle"),
        Index("ix_notification_topic_newest", "workspace", "id"),
    )

    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, comment="as people read it on the page of a link")
    name_zh: Mapped[str | None] = mapped_column(Text)
    is_on: Mapped[bool] = mapped_column(comment="for people who said nothing")
    is_critical: Mapped[bool] = mapped_column(comment="passes preferences, quiet hours and throttle")
    throttle_count: Mapped[int | None]
    throttle_window: Mapped[timedelta | None] = mapped_column(Interval)

    digest: Mapped[dict[str, Any] | None] = mapped_column(Json, comment="how often, for people who said nothing")

    @property
    def throttle(self) -> dict[str, Any] | None:
        """Return how many of it a person gets at most, as people say it."""
        if self.throttle_count is None:
            return None
        return {"count": self.throttle_count, "window": self.throttle_window}

    def audited(self) -> dict[str, Any]:
        """Return its key and how it is sent."""
        return {
            "key": self.key,
            "name": redaction.text(self.name),
            "name_zh": redaction.text(self.name_zh),
            "is_on": self.is_on,
            "is_critical": self.is_critical,
            "throttle_count": self.throttle_count,
            "digest": self.digest,
            "throttle_seconds": self.throttle_window and int(self.throttle_window.total_seconds()),
        }
