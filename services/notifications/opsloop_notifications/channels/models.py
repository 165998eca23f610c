"""Table of channels."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Resource, check_in
from opsloop_notifications.channels.rules import ChannelStatus
from opsloop_notifications.tables import Base, Json
from opsloop_notifications.ways.rules import Kind, channel_of


class Channel(Resource, Base):
    """One way out. Sealed: the address, since whoever knows it may speak in its name, what signs its calls, values of headers."""

    NOUN = "channel"
    __tablename__ = "channel"
    __table_args__ = (
        check_in("kind", Kind),
        check_in("status", ChannelStatus),
        check_in("language", ("en", "zh")),
        CheckConstraint("rate_limit > 0", name="rate_limit"),
        CheckConstraint("(kind = 'web_push') = (public_key IS NOT NULL)", name="public_key"),
        Index("ix_channel_workspace", "workspace", "id"),
    )

    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=ChannelStatus.ENABLED)
    language: Mapped[str] = mapped_column(Text, comment="of what stands on buttons")
    url: Mapped[str | None] = mapped_column(Text, comment="as it is shown: without its path")
    sealed_url: Mapped[str | None] = mapped_column(Text)
    sealed_secret: Mapped[str | None] = mapped_column(Text, comment="of a bot, or the private key of Web Push")
    sealed_headers: Mapped[str | None] = mapped_column(Text)
    header_names: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    public_key: Mapped[str | None] = mapped_column(Text)
    subject_address: Mapped[str | None] = mapped_column(Text, comment="whom push services may write to")
    sms: Mapped[dict[str, Any] | None] = mapped_column(Json, comment="what is sent, and how the answer is read")
    rate_limit: Mapped[int | None]

    @property
    def channel(self) -> str:
        """Return by which channel of messages it is meant."""
        return channel_of(self.kind)

    @property
    def secret(self) -> Literal[True] | None:
        """Return that it has the secret that a bot gave its owner, None when it has none."""
        return None if self.sealed_secret is None or self.kind == Kind.WEB_PUSH else True

    @property
    def headers(self) -> dict[str, bool]:
        """Return the names of the headers that its owner gave, each with the word that it has a value."""
        return dict.fromkeys(self.header_names, True)

    def audited(self) -> dict[str, Any]:
        """Return what it is; of its secrets that they are others."""
        return {
            "kind": self.kind,
            "name": redaction.text(self.name),
            "status": self.status,
            "language": self.language,
            "url": self.url,
            "sealed_url": redaction.secret(self.sealed_url),
            "secret": redaction.secret(self.sealed_secret),
            "header_names": self.header_names,
            "headers": redaction.secret(self.sealed_headers),
            "public_key": self.public_key,
            "subject": redaction.text(self.subject_address),
            "sms": redaction.text(self.sms),
            "rate_limit": self.rate_limit,
        }
