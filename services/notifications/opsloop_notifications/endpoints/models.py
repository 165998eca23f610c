"""Table of webhook endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common import redaction
from opsloop_common.columns import Moment, Resource, check_in
from opsloop_notifications.endpoints.rules import About, Ordering, Signature, WebhookStatus, without_path
from opsloop_notifications.formats.rules import BOTS, SECRET_IN_URL
from opsloop_notifications.tables import Base, Json


class Webhook(Resource, Base):
    """One endpoint. Sealed: `secret` (what its calls are signed with), `sealed_bot_secret` (what a bot gave its owner), values of headers.

    `failing_since` is the first failure after the last success. `source`: whose posts' states alone it is told, from its first day on.
    """

    NOUN = "webhook"
    __tablename__ = "webhook"
    __table_args__ = (
        check_in("status", WebhookStatus),
        check_in("signature", Signature),
        check_in("about", About),
        check_in("ordering", Ordering),
        check_in("language", ("en", "zh")),
        CheckConstraint("cardinality(event_types) > 0", name="event_types"),
        CheckConstraint("rate_limit > 0", name="rate_limit"),
        CheckConstraint("source IS NULL OR (about = 'events' AND format = 'cloudevents')", name="source"),
        Index("ix_webhook_workspace", "workspace", "id"),
    )

    source: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    filter: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    format: Mapped[str] = mapped_column(Text)
    about: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    sealed_bot_secret: Mapped[str | None] = mapped_column(Text)
    ordering: Mapped[str] = mapped_column(Text)
    payload_template: Mapped[str | None] = mapped_column(Text)
    rate_limit: Mapped[int | None]
    status: Mapped[str] = mapped_column(Text, default=WebhookStatus.ENABLED)
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    sealed_headers: Mapped[str | None] = mapped_column(Text)
    header_names: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    handshake: Mapped[bool]
    consented_at: Mapped[datetime | None] = mapped_column(Moment)
    allowed_rate: Mapped[int | None]
    refused_detail: Mapped[str | None] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    public_key: Mapped[str | None] = mapped_column(Text)
    previous_secret: Mapped[str | None] = mapped_column(Text)
    previous_public_key: Mapped[str | None] = mapped_column(Text)
    previous_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(default=0)
    failing_told_at: Mapped[datetime | None] = mapped_column(Moment)

    @property
    def headers(self) -> dict[str, bool]:
        """Return the names of the headers that its owner gave, each with the word that it has a value."""
        return dict.fromkeys(self.header_names, True)

    @property
    def bot_secret(self) -> Literal[True] | None:
        """Return that it has the secret that a bot gave its owner, None when it has none."""
        return None if self.sealed_bot_secret is None else True

    @property
    def is_bot(self) -> bool:
        """Say whether it gets messages in the protocol of somebody else, which no key of ours signs."""
        return self.format in BOTS

    @property
    def shown_url(self) -> str:
        """Return the address as it is shown: of bots whose address lets one speak in their name, the host."""
        return without_path(self.url) if self.format in SECRET_IN_URL else self.url

    def audited(self) -> dict[str, Any]:
        """Return what it is called for; of the address the host, since the rest may be what opens it, of the filter that it is another."""
        return {
            "source": self.source,
            "url": redaction.Withheld(self.url, without_path),
            "description": redaction.text(self.description),
            "event_types": self.event_types,
            "filter": redaction.text(self.filter),
            "format": self.format,
            "about": self.about,
            "language": self.language,
            "bot_secret": redaction.secret(self.sealed_bot_secret),
            "ordering": self.ordering,
            "payload_template": redaction.text(self.payload_template),
            "rate_limit": self.rate_limit,
            "handshake": self.handshake,
            "allowed_rate": self.allowed_rate,
            "status": self.status,
            "header_names": self.header_names,
            "headers": redaction.secret(self.sealed_headers),
            "signature": self.signature,
            "public_key": self.public_key,
            "secret": redaction.secret(self.secret),
        }
