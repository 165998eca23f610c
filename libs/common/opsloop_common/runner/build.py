"""From settings to a runtime. Nothing is connected here."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import text

from opsloop_common.bus.port import Bus
from opsloop_common.clock import Clock, SystemClock
from opsloop_common.db import Database, app_role, require_held_by_row_level_security
from opsloop_common.migrations import revisions_of
from opsloop_common.runner.addresses import box_of, secret_of
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime, Service
from opsloop_common.settings import Misconfigured, Settings

Role = Literal["api", "worker", "all"]


def require_consistent(settings: Settings, role: Role) -> None:
    """Refuse settings that would lose events or secrets; raises Misconfigured."""
    secret_of(settings)
    if settings.bus == "local" and role != "all":
        raise Misconfigured(
            f"OPSLOOP_BUS=local carries events inside one process, so the role {role} would lose them: "
            "serve with --role all, or use OPSLOOP_BUS=kafka"
        )
    require_brokers(settings)


def require_brokers(settings: Settings) -> None:
    """Raise Misconfigured for a bus without an address."""
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
        secrets=box_of(settings) if secret_key is None else SecretBox(secret_key),
        bus=bus,
        direct_url=direct_url,
    )


async def require_fit_database(runtime: Runtime) -> None:
    """Refuse a role that passes row-level security, and a schema older than this code; raises Misconfigured."""
    await require_held_by_row_level_security(runtime.db)
    async with runtime.db.engine.connect() as connection:
        table = await connection.scalar(text("SELECT to_regclass('alembic_version')"))
        found = await connection.scalar(text("SELECT version_num FROM alembic_version")) if table else None
    _, *older = revisions_of(runtime.service)
    # a revision that this code does not know is a newer one: the old release serves on while the new one rolls out
    if found is None or found in older:
        raise Misconfigured(
            f"the database of {runtime.service.name} is at {found or 'no revision'}: "
            f"run `python -m opsloop_{runtime.service.name} migrate` first"
        )


def instance_of(runtime: Runtime) -> str:
    """Return the name of this replica."""
    return runtime.settings.instance or f"{runtime.service.name}-0"
