"""What a command does with all of a service loaded: serve it, migrate it, describe it, apply its parked events."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import structlog
import uvloop

from opsloop_common import migrations
from opsloop_common.bus.kafka import create_topics
from opsloop_common.bus.topics import LOGS
from opsloop_common.db import Database
from opsloop_common.http.app import create_app
from opsloop_common.logs import configure_logging
from opsloop_common.runner import commands
from opsloop_common.runner.addresses import database_urls
from opsloop_common.runner.build import Role, build_runtime, instance_of, require_brokers, require_consistent
from opsloop_common.runner.databases import told_in_words
from opsloop_common.runner.serve import serve
from opsloop_common.runner.tools import on
from opsloop_common.service import Runtime, Service
from opsloop_common.setting_names import unknown_settings
from opsloop_common.settings import Settings, Unusable

log = structlog.get_logger(__name__)


def run(service: Service, role: Role, *, host: str | None, port: int | None) -> None:
    """Serve until SIGTERM; then drain and end."""
    settings = _settings_of(service)
    require_consistent(settings, role)
    runtime = runtime_of(service, settings)
    configure_logging(
        format=settings.log_format, level=settings.log_level, service=service.name, instance=instance_of(runtime)
    )
    work = serve(runtime, role, host=host or settings.host, port=settings.port if port is None else port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _settings_of(service: Service) -> Settings:
    """Read the service's settings, and say which names in the environment look like settings and are none."""
    for line in unknown_settings(os.environ, service.settings, services=(service.name,)):
        sys.stderr.write(f"{service.name}: {line}\n")
    return service.settings()


def runtime_of(service: Service, settings: Settings) -> Runtime:
    """Return the service on the database that the environment names."""
    urls = database_urls(service.name)
    return build_runtime(service, settings, database_url=urls.url, direct_url=urls.direct_url)


def migrate(service: Service) -> None:
    """Bring database and other stores to this release's schema; with Kafka, create the topics that are missing."""
    settings = _settings_of(service)
    configure_logging(format=settings.log_format, level=settings.log_level, service=service.name)
    asyncio.run(_migrate(service, settings))


async def _migrate(service: Service, settings: Settings) -> None:
    require_brokers(settings)
    with told_in_words(service.name, direct=True):
        await migrations.upgrade(service, database_urls(service.name).direct_url)
    await service.migrate(settings)
    log.info("migrated", service=service.name)
    if settings.bus == "kafka":
        await create_topics(settings, logs=LOGS)
        log.info("topics are there", service=service.name)


def redrive(service: Service, *, id: UUID | None, fingerprint: str | None) -> Mapping[str, int]:
    """Apply parked events again; returns what came of it."""
    return _counted(service, partial(commands.redrive_events, id=id, fingerprint=fingerprint))


def discard(service: Service, *, id: UUID | None, fingerprint: str | None) -> Mapping[str, int]:
    """Give parked events up; returns how many."""
    return _counted(service, partial(commands.discard_events, id=id, fingerprint=fingerprint))


def reseal(service: Service) -> Mapping[str, int]:
    """Seal with the present key what earlier ones sealed; returns how much. Raises Unusable for what no key opens."""
    counts = _counted(service, commands.reseal_secrets)
    if counts["unreadable"]:
        raise Unusable(commands.unreadable(counts))
    return counts


def _counted(service: Service, do: Callable[[Runtime], Awaitable[Mapping[str, int]]]) -> Mapping[str, int]:
    runtime = runtime_of(service, service.settings())
    counts: dict[str, int] = {}

    async def work(_: Database) -> None:
        async with runtime.opened():
            counts.update(await do(runtime))

    on(runtime.db, work)
    return counts


def openapi(service: Service) -> dict[str, Any]:
    """Return the OpenAPI contract; nothing is connected for it."""
    url = f"postgresql:///{service.name}"
    return create_app(build_runtime(service, service.settings(), database_url=url, secret_key="-" * 32)).openapi()
