"""Table of suppressions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_notifications.tables import Base


class Reason(StrEnum):
    """Why an address gets nothing. Only `unsubscribe` is the person's own wish, which critical topics pass."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"


class Suppression(Resource, Base):
    """An address that gets no mail. Of one whose owner was erased only the fingerprint stays, so that it gets none again."""

    NOUN = "suppression"
    __tablename__ = "suppression"
    __table_args__ = (
        check_in("reason", Reason),
        UniqueConstraint("workspace", "fingerprint"),
        Index("ix_suppression_newest", "workspace", "id"),
    )

    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, comment="rules.fingerprint")
    address: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)

    @property
    def channel(self) -> Literal["email"]:
        """Return the channel that the address is of."""
        return "email"

    def audited(self) -> dict[str, Any]:
        """Return why, and that there is an address."""
        return {"address": redaction.text(self.address), "reason": self.reason, "note": redaction.text(self.note)}
