"""The table of what was handed on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.columns import Moment, check_in
from opsloop_metrics.contacts.rules import Means
from opsloop_metrics.tables import Base


class Contact(Base):
    """What was told last of one means by which a user is reached, and when it was said: what is older tells nothing new."""

    __tablename__ = "contact"
    __table_args__ = (check_in("means", Means),)

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    means: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime] = mapped_column(Moment)
