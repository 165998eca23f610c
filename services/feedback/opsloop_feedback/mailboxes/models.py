"""The table of mailboxes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_feedback.mailboxes.rules import Kind, Security
from opsloop_feedback.tables import Base


class Mailbox(Resource, Base):
    """Where mail for the desk comes from."""

    NOUN = "mailbox"
    __tablename__ = "mailbox"
    __table_args__ = (
        check_in("kind", Kind),
        check_in("security", Security),
        CheckConstraint("(kind = 'imap') = (host IS NOT NULL)", name="host"),
        CheckConstraint(
            "kind <> 'imap' OR num_nulls(port, security, user_name, sealed_password, folder) = 0", name="imap"
        ),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        Index("ix_mailbox_workspace_id", "workspace", "id"),
    )

    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text, comment="what people write to; mail from it is our own")
    enabled: Mapped[bool]
    token_number: Mapped[int] = mapped_column(Integer, comment="of the token that holds; earlier ones open nothing")
    host: Mapped[str | None] = mapped_column(Text)
    port: Mapped[int | None] = mapped_column(Integer)
    security: Mapped[str | None] = mapped_column(Text)
    user_name: Mapped[str | None] = mapped_column(Text)
    sealed_password: Mapped[str | None] = mapped_column(Text)
    folder: Mapped[str | None] = mapped_column(Text)

    @property
    def imap(self) -> dict[str, Any] | None:
        """Return how it is fetched from, without the password."""
        if self.host is None:
            return None
        return {name: getattr(self, name) for name in ("host", "port", "security", "user_name", "folder")}

    def audited(self) -> dict[str, Any]:
        """Return how it is reached; of addresses and passwords that they are others."""
        return {
            "name": redaction.text(self.name),
            "kind": self.kind,
            "address": redaction.text(self.address),
            "enabled": self.enabled,
            "token_number": self.token_number,
            "host": redaction.text(self.host),
            "port": self.port,
            "security": self.security,
            "user_name": redaction.text(self.user_name),
            "password": redaction.text(self.sealed_password),
            "folder": redaction.text(self.folder),
        }
