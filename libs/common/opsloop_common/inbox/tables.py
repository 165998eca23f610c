"""Tables of the consuming side: what was applied, what is parked, how far the local bus has delivered."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from opsloop_common.plumbing import metadata

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# rows come in time order, so a block range index prunes by age at next to no cost a write
Index("ix_inbox_applied_at", inbox.c.applied_at, postgresql_using="brin")

parked_event = Table(
    "parked_event",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("source", Text, nullable=False, comment="the producing service"),
    Column("stream", Text, comment="null when the bytes could not be read"),
    Column("seq", BigInteger),
    Column("event_id", Uuid),
    Column("type", Text),
    Column("workspace", Text),
    Column("status", Text, nullable=False, comment="failed, or held behind a failed one of its stream"),
    Column("fingerprint", Text, nullable=False, comment="error class and the application's frame that raised it"),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("origin", Text, nullable=False, comment="where it was read: topic[partition]@offset, or outbox@position"),
    Column("body", LargeBinary, nullable=False, comment="the bytes as they came"),
    Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("status IN ('failed', 'held')", name="status"),
)

Index(
    "uq_parked_event_consumer_event_id",
    parked_event.c.consumer,
    parked_event.c.event_id,
    unique=True,
    postgresql_where=text("event_id IS NOT NULL"),
)
Index(
    "uq_parked_event_consumer_origin",
    parked_event.c.consumer,
    parked_event.c.origin,
    unique=True,
    postgresql_where=text("event_id IS NULL"),
)
Index(
    "ix_parked_event_stream", parked_event.c.consumer, parked_event.c.source, parked_event.c.stream, parked_event.c.seq
)
Index("ix_parked_event_fingerprint", parked_event.c.fingerprint, parked_event.c.id)

delivery_cursor = Table(
    "delivery_cursor",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("source", Text, primary_key=True, comment="the service whose outbox is read"),
    Column("position", BigInteger, nullable=False, comment="everything up to here was applied, parked or not wanted"),
)
