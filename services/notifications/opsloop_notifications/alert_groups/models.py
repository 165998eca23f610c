"""Tables of routes, of groups, of who is in them, and of what receivers were told of them last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Interval, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource
from opsloop_common.ids import uuid7
from opsloop_notifications.tables import Base, Json, Moment


class AlertRoute(Resource, Base):
    """Which alerts go where, and how they are told together. Routes are asked by `position`."""

    NOUN = "alert route"
    __tablename__ = "alert_route"
    __table_args__ = (
        CheckConstraint("group_wait >= interval '0' AND group_interval > interval '0'", name="waits"),
        Index("ix_alert_route_workspace_position", "workspace", "position", "id"),
    )

    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    matchers: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    group_by: Mapped[list[str]] = mapped_column(ARRAY(Text))
    group_wait: Mapped[timedelta] = mapped_column(Interval)
    group_interval: Mapped[timedelta] = mapped_column(Interval)
    repeat_interval: Mapped[timedelta] = mapped_column(Interval)
    receiver: Mapped[UUID | None] = mapped_column(Uuid)
    goes_on: Mapped[bool]
    send_resolved: Mapped[bool]
    mute_times: Mapped[list[dict[str, Any]]] = mapped_column(Json)

    def audited(self) -> dict[str, Any]:
        """Return how it groups and whom it tells; of whom it takes that it is something else."""
        return {
            "name": redaction.text(self.name),
            "position": self.position,
            "matchers": redaction.text(self.matchers),
            "group_by": self.group_by,
            "group_wait_seconds": self.group_wait.total_seconds(),
            "group_interval_seconds": self.group_interval.total_seconds(),
            "repeat_interval_seconds": self.repeat_interval.total_seconds(),
            "receiver": self.receiver,
            "continue": self.goes_on,
            "send_resolved": self.send_resolved,
            "mute_times": self.mute_times,
        }


class AlertGroup(Base):
    """Alerts of one route that say the same in its `group_by` labels. Looked at when `looks_at` comes; gone when all have ended."""

    __tablename__ = "alert_group"
    __table_args__ = (UniqueConstraint("workspace", "key"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    workspace: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    route_id: Mapped[UUID | None] = mapped_column(Uuid)
    labels: Mapped[dict[str, str]] = mapped_column(Json)
    looks_at: Mapped[datetime] = mapped_column(Moment)
    was_looked_at: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(Moment)


class AlertMember(Base):
    """An alert in a group."""

    __tablename__ = "alert_member"

    group_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)


class AlertNotice(Base):
    """What a receiver was told of a group last, by fingerprints. It outlives the group, which may come again."""

    __tablename__ = "alert_notice"
    __table_args__ = (Index("ix_alert_notice_workspace_at", "workspace", "at"),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    group_key: Mapped[str] = mapped_column(Text, primary_key=True)
    receiver: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    firing: Mapped[list[str]] = mapped_column(ARRAY(Text))
    resolved: Mapped[list[str]] = mapped_column(ARRAY(Text))
    at: Mapped[datetime] = mapped_column(Moment)
    delivery_id: Mapped[UUID | None] = mapped_column(Uuid)
    ended_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
