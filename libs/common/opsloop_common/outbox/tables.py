"""Tables of the outbox. The outbox is also the local bus's log: `position` is the place in it, given by the relay."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from opsloop_common.plumbing import metadata

outbox_stream = Table(
    "outbox_stream",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("ended_at", DateTime(timezone=True), comment="what it is named after is gone for good"),
    postgresql_with={"fillfactor": 80},  # each event updates a row: room on its page keeps the index out of it
)

Index("ix_outbox_stream_ended_at", outbox_stream.c.ended_at, postgresql_where=outbox_stream.c.ended_at.is_not(None))

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="the CloudEvent document as it travels"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("published_at", DateTime(timezone=True)),
    Column("position", BigInteger, comment="place in the local bus's log; null until published there"),
    UniqueConstraint("stream", "seq"),
    # every row is updated once and deleted once; the default would let dead rows grow with the table
    postgresql_with={"autovacuum_vacuum_scale_factor": 0.01, "autovacuum_vacuum_threshold": 1000},
)

Index("ix_outbox_pending", outbox.c.id, postgresql_where=outbox.c.published_at.is_(None))
Index("uq_outbox_position", outbox.c.position, unique=True, postgresql_where=text("position IS NOT NULL"))

outbox_log = Table(
    "outbox_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column(
        "last_position",
        BigInteger,
        nullable=False,
        comment="positions are never given twice, also after a change of bus",
    ),
    Column(
        "delivered_position",
        BigInteger,
        nullable=False,
        comment="every local consumer is done with everything up to here",
    ),
    CheckConstraint("id = 1", name="one_row"),
)
