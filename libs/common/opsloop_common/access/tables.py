"""Tables of access: keys, stored answers of idempotent requests, the audit log, workspace settings.

None of them is under row-level security: a credential is looked up before its workspace is known, and operators see several
workspaces. Whoever reads them names the workspace.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.plumbing import metadata

api_key = Table(
    "api_key",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, comment="SHA-256 of the 256-bit secret"),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True), comment="saved at most once a minute"),
    Column("revoked_at", DateTime(timezone=True)),
    Index("ix_api_key_workspace", "workspace", "id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("id", LargeBinary, primary_key=True, comment="SHA-256 of credential, method, path and key"),
    Column("body_hash", LargeBinary, nullable=False, comment="SHA-256 of the body as canonical JSON"),
    Column("answer", Text, nullable=False, comment="status, headers and body, sealed"),
    Column("late", JSONB, comment="top-level fields of the answer that only the database knew"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("ix_idempotency_created_at", "created_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    Column("correlationid", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("ix_audit_workspace", "workspace", "id"),
    comment="append-only: the role that serves requests may neither change nor delete rows",
)

workspace = Table(
    "workspace",
    metadata,
    Column("name", Text, primary_key=True),
    Column("time_zone", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("week_start", Text, nullable=False),
    Column("allow_self_approval", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
