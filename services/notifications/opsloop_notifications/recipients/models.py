"""Table of recipients."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Versioned
from opsloop_notifications.tables import Base

_RECIPIENTS = UUID("6f1c2f0c-94a3-5a0e-9f57-0f6c1d0b7a11")


class Recipient(Versioned, Base):
    """A person as other services name them (`user_id`), with an address and a language."""

    NOUN, BY = "recipient", "user_id"
    __tablename__ = "recipient"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    email: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)
    is_by_hand: Mapped[bool] = mapped_column(comment="somebody said so through the API; then no event changes it")

    @property
    def subject(self) -> str:
        """Return what the audit log calls the row: always the same for a person, and no name that would outlive an erasure there."""
        return f"recipient/{uuid5(_RECIPIENTS, self.workspace + chr(0) + self.user_id)}"

    def audited(self) -> dict[str, Any]:
        """Return that there is another address, and the language."""
        return {"email": redaction.text(self.email), "locale": self.locale}
