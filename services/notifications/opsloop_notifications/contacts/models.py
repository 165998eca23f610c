"""Table of contacts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_notifications.contacts.rules import ContactKind
from opsloop_notifications.tables import Base


class Contact(Resource, Base):
    """Where one person is reached. A browser wakes whoever used it last: its address is of one person at a time."""

    NOUN = "contact"
    __tablename__ = "contact"
    __table_args__ = (
        check_in("kind", ContactKind),
        CheckConstraint("(kind = 'phone') = (channel_id IS NULL)", name="channel_id"),
        CheckConstraint("(kind = 'push') = (sealed_keys IS NOT NULL)", name="sealed_keys"),
        Index("uq_contact_one", "workspace", "user_id", "kind", unique=True, postgresql_where=text("kind <> 'push'")),
        Index(
            "uq_contact_device", "workspace", text("md5(address)"), unique=True, postgresql_where=text("kind = 'push'")
        ),
        Index("ix_contact_user_id", "workspace", "user_id"),
        Index("ix_contact_channel_id", "channel_id"),
    )

    user_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    channel_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("channel.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(Text, comment="a number, how a chat calls them, or a browser's push service")
    sealed_keys: Mapped[str | None] = mapped_column(Text, comment="of a browser")

    @property
    def shown_address(self) -> str | None:
        """Return the address as it is shown: of a browser, whose address lets one wake it, the host."""
        return urlsplit(self.address).netloc if self.kind == ContactKind.PUSH else self.address or None

    def audited(self) -> dict[str, Any]:
        """Return what it is, and nothing of whom it reaches."""
        return {
            "kind": self.kind,
            "channel_id": self.channel_id,
            "address": redaction.text(self.address),
            "keys": redaction.secret(self.sealed_keys),
        }
