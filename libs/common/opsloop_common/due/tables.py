"""Tables of work that is due later: due rows, jobs with progress, heartbeats of the processes that claim them.

Plumbing, without row-level security: the runner claims for all workspaces, and opens each row's own for its handler.
"""

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
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.plumbing import metadata

due = Table(
    "due",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'")),
    Column("context", JSONB, nullable=False, server_default=text("'{}'"), comment="what caused it, for its events"),
    Column("priority", Integer, nullable=False, server_default=text("0"), comment="higher first"),
    Column("group_key", Text, nullable=False, server_default=text("''")),
    Column("status", Text, nullable=False, server_default=text("'waiting'")),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("again_at", DateTime(timezone=True), comment="scheduled again while it was claimed"),
    Column("owner", Uuid),
    Column("claimed_at", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    Column("first_failed_at", DateTime(timezone=True), comment="it has failed at each try since then"),
    UniqueConstraint("workspace", "kind", "key"),
    CheckConstraint("status IN ('waiting', 'failed')", name="status"),
)

_WAITING = text("owner IS NULL AND status = 'waiting'")

# in the order of claiming, so that a claim reads what it takes, however long the queue and however many rows are for later
Index("ix_due_waiting", due.c.kind, due.c.priority.desc(), due.c.due_at, postgresql_where=_WAITING)
Index("ix_due_turns", due.c.kind, due.c.workspace, due.c.priority.desc(), due.c.due_at, postgresql_where=_WAITING)
Index("ix_due_group", due.c.kind, due.c.group_key, due.c.priority.desc(), due.c.due_at, postgresql_where=_WAITING)
Index("ix_due_failed", due.c.due_at, postgresql_where=text("status = 'failed'"))
Index("ix_due_failing", due.c.kind, due.c.first_failed_at, postgresql_where=text("first_failed_at IS NOT NULL"))
Index("ix_due_recurring", due.c.kind, due.c.workspace, postgresql_where=text("key = '@every'"))
Index("ix_due_claimed", due.c.kind, due.c.group_key, postgresql_where=text("owner IS NOT NULL"))

job = Table(
    "job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'queued'")),
    Column("payload", JSONB, nullable=False, server_default=text("'{}'")),
    Column("state", JSONB, nullable=False, server_default=text("'{}'"), comment="where to go on after a crash"),
    Column("done", BigInteger, nullable=False, server_default=text("0")),
    Column("total", BigInteger),
    Column("result", JSONB),
    Column("error", Text),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
)

Index("ix_job_finished", job.c.finished_at, postgresql_where=job.c.finished_at.is_not(None))

worker = Table(
    "worker",
    metadata,
    Column("id", Uuid, primary_key=True, comment="boot id: a process that starts again is another worker"),
    Column("instance", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("heartbeat_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)
