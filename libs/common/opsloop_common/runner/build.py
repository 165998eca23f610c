"""From settings to a runtime. Nothing is connected here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from opsloop_common.bus.port import Bus
from opsloop_common.clock import Clock, SystemClock
from opsloop_common.db import Database, app_role, require_held_by_row_level_security
from opsloop_common.migrations import config_for
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime, Service
from opsloop_common.settings import Settings

Role = Literal["api", "worker", "all"]


class Misconfigured(Exception):
    """The settings do not go together, or one is missing; the text says which and what to do."""


@dataclass(frozen=True)
class DatabaseUrls:
    """Where a service's database is: through a pooler perhaps, and directly (advisory locks, LISTEN)."""

    url: str
    direct_url: str


def database_urls(service: Service, environ: Mapping[str, str] | None = None) -> DatabaseUrls:
    """Read `<SERVICE>_DATABASE_URL` and `<SERVICE>_DATABASE_DIRECT_URL` (default: the same); raises Misconfigured."""
    environ = os.environ if environ is None else environ
    name, direct = f"{service.name.upper()}_DATABASE_URL", f"{service.name.upper()}_DATABASE_DIRECT_URL"
    url = environ.get(name)
    if not url:
        raise Misconfigured(f"{name} is not set: the PostgreSQL database of the {service.name} service")
    for setting in (name, direct):
        if (given := environ.get(setting)) and not _is_database_url(given):
            raise Misconfigured(
                f"{setting} must look like postgresql://user:password@host:port/database; write / @ : # ? in a password "
                "as %2F %40 %3A %23 %3F"
            )
    return DatabaseUrls(url, environ.get(direct) or url)


def _is_database_url(text: str) -> bool:
    """Say whether SQLAlchemy reads this as it was meant. Its own errors, and the driver's, quote parts of it."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        return False
    return url.get_backend_name() == "postgresql" and "@" not in (url.host or "") and 0 < (url.port or 5432) < 65536


def require_consistent(settings: Settings, role: Role) -> None:
    """Refuse settings that would lose events or secrets; raises Misconfigured."""
    if settings.secret_key is None:
        raise Misconfigured("OPSLOOP_SECRET_KEY is not set: at least 32 characters, the same for all services")
    if settings.bus == "local" and role != "all":
        raise Misconfigured(
            f"OPSLOOP_BUS=local carries events inside one process, so the role {role} would lose them: "
            "serve with --role all, or use OPSLOOP_BUS=kafka"
        )
    if settings.bus == "kafka" and not settings.kafka_bootstrap:
        raise Misconfigured("OPSLOOP_KAFKA_BOOTSTRAP is not set: host:port of the Kafka brokers, comma-separated")


def build_runtime(
    service: Service,
    settings: Settings,
    *,
    database_url: str,
    direct_url: str | None = None,
    secret_key: str | None = None,
    bus: Bus | None = None,
    clock: Clock | None = None,
    pool_size: int = 5,
    max_overflow: int = 5,
) -> Runtime:
    """Build what one running service stands on, acting as its own role in its database. `secret_key` None: from the settings."""
    clock = clock or SystemClock()
    if secret_key is None:
        if settings.secret_key is None:
            raise Misconfigured("OPSLOOP_SECRET_KEY is not set: at least 32 characters, the same for all services")
        secret_key = settings.secret_key.get_secret_value()
    database = Database(
        database_url,
        service=service.name,
        clock=clock,
        role=app_role(service.name),
        pool_size=pool_size,
        max_overflow=max_overflow,
        statement_seconds=settings.database_statement_seconds,
        read_seconds=settings.database_read_seconds,
        work_seconds=settings.database_work_seconds,
    )
    return Runtime(
        service=service,
        settings=settings,
        db=database,
        clock=clock,
        secrets=SecretBox(secret_key),
        bus=bus,
        direct_url=direct_url,
    )


async def require_fit_database(runtime: Runtime) -> None:
    """Refuse a role that passes row-level security, and a schema older than this code; raises RuntimeError or Misconfigured."""
    await require_held_by_row_level_security(runtime.db)
    async with runtime.db.engine.connect() as connection:
        table = await connection.scalar(text("SELECT to_regclass('alembic_version')"))
        found = await connection.scalar(text("SELECT version_num FROM alembic_version")) if table else None
    scripts = ScriptDirectory.from_config(config_for(runtime.service))
    known = {script.revision for script in scripts.walk_revisions()}
    # a revision that this code does not know is a newer one: the old release serves on while the new one rolls out
    if found is None or (found in known and found != scripts.get_current_head()):
        raise Misconfigured(
            f"the database of {runtime.service.name} is at {found or 'no revision'}: "
            f"run `python -m opsloop_{runtime.service.name} migrate` first"
        )


def instance_of(runtime: Runtime) -> str:
    """Return the name of this replica."""
    return runtime.settings.instance or f"{runtime.service.name}-0"
