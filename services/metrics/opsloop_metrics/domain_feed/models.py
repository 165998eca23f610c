"""Which workspaces want other services' events beside their product's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment
from opsloop_metrics.tables import Base


class DomainFeed(Base):
    """A workspace whose domain events are brought into the store of product events, all that are kept."""

    __tablename__ = "domain_feed"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    begun_at: Mapped[datetime] = mapped_column(Moment)
