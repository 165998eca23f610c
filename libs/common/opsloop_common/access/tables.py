"""Tables of access: keys, secrets of end users, links, stored answers of idempotent requests, the audit log, workspace settings.

None of them is under row-level security: a credential is looked up before its workspace is known, and operators see several
workspaces. Whoever reads them names the workspace.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, synonym

from opsloop_common.columns import Moment, Versioned
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
    Column(
        "source", Text, nullable=False, comment="who speaks: natural keys are unique per source, a rotated key keeps it"
    ),
    Column(
        "publishable",
        Boolean,
        nullable=False,
        server_default="false",
        comment="for browsers: adds within its quotas, reads nothing",
    ),
    Column("origins", ARRAY(Text), nullable=False, server_default="{}"),
    Column("rows_per_day", BigInteger),
    Column("bytes_per_day", BigInteger),
    Column("parent_id", Uuid, comment="the key that made this one, and ends it when it is revoked"),
    CheckConstraint("source ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="source"),
    CheckConstraint("NOT publishable OR (rows_per_day IS NOT NULL AND bytes_per_day IS NOT NULL)", name="only_adds"),
    Index("ix_api_key_workspace", "workspace", "id"),
    Index("ix_api_key_parent_id", "parent_id", postgresql_where="parent_id IS NOT NULL"),
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index("ix_key_usage_day", "day"),
    comment="what publishable keys added on a day (UTC), for their quotas",
)

user_secret = Table(
    "user_secret",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret", Text, nullable=False, comment="sealed; user tokens are signed with it and name it in their kid"),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), comment="when the key that made it does"),
    Column("revoked_at", DateTime(timezone=True)),
    Index("ix_user_secret_workspace", "workspace", "id"),
)

page_link = Table(
    "page_link",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="the one thing that it opens, such as webhook/<id>"),
    Column("secret_hash", LargeBinary, nullable=False, comment="SHA-256 of the 256-bit secret in the link"),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("exchanged_at", DateTime(timezone=True)),
    Column("session_hash", LargeBinary, comment="SHA-256 of the 256-bit secret in the cookie"),
    Column("session_expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    CheckConstraint(
        "(exchanged_at IS NULL) = (session_hash IS NULL) AND (exchanged_at IS NULL) = (session_expires_at IS NULL)",
        name="exchanged",
    ),
    Index("ix_page_link_subject", "workspace", "purpose", "subject"),
    Index("ix_page_link_expires_at", "expires_at"),
    comment="links that open a page with rights: each exchanged once for a cookie of that one thing",
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


class Base(DeclarativeBase):
    """What here is a resource, beside the tables."""

    metadata = metadata


class Workspace(Versioned, Base):
    """How one product is operated: its calendar, its language, its rules."""

    NOUN = "workspace"
    BY = "name"
    __tablename__ = "workspace"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    workspace: Mapped[str] = synonym("name")
    time_zone: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    week_start: Mapped[str] = mapped_column(Text)
    allow_self_approval: Mapped[bool]
    copy_version: Mapped[int] = mapped_column(
        default=0, comment="of a copy: raised whenever what it shows is another than before"
    )
    asked: Mapped[dict[str, str]] = mapped_column(
        JSONB,
        default=dict,
        comment="of a copy: settings changed here, with the request that the owner has not answered",
    )
    asked_at: Mapped[datetime | None] = mapped_column(Moment, comment="of the newest such request")

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone to reckon calendar days in."""
        return ZoneInfo(self.time_zone)

    @property
    def subject(self) -> str:
        """Return the table and the name."""
        return f"{self.__tablename__}/{self.name}"

    def audited(self) -> dict[str, Any]:
        """Return all settings: none of them is a text of somebody's."""
        settings = ("time_zone", "locale", "week_start", "allow_self_approval")
        return {name: getattr(self, name) for name in settings}
