"""The table of members of clusters."""

from __future__ import annotations

from datetime import datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_common.contracts.feedback import Severity
from opsloop_feedback.tables import Base


class ClusterMember(Base):
    """A post of these weeks and the one topic that it belongs to, or that somebody took it out of."""

    __tablename__ = "cluster_member"
    __table_args__ = (
        check_in("severity", get_args(Severity)),
        Index("ix_cluster_member_cluster", "workspace", "cluster_id", "said_at", "feedback_id"),
        Index("ix_cluster_member_cluster_id", "cluster_id"),
    )

    feedback_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    workspace: Mapped[str] = mapped_column(Text)
    cluster_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("cluster.id", ondelete="CASCADE"))
    said_at: Mapped[datetime] = mapped_column(Moment)
    severity: Mapped[str] = mapped_column(Text, comment="as it was when topics were last looked for")
    author: Mapped[bytes] = mapped_column(LargeBinary, comment="a digest: who it was is never asked, only who else")
    is_excluded: Mapped[bool]
