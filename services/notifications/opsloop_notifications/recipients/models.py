"""Table of recipients."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Versioned
from opsloop_notifications.tables import Base


class Recipient(Versioned, Base):
    """A person as other services name them (`user_id`), with an address and a language."""

    NOUN, BY = "recipient", "user_id"
    __tablename__ = "recipient"

    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    email: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)

    @property
    def subject(self) -> str:
        """Return what the audit log calls the row."""
        return f"recipient/{self.user_id}"

    def audited(self) -> dict[str, Any]:
        """Return that there is another address, and the language."""
        return {"email": redaction.text(self.email), "locale": self.locale}
