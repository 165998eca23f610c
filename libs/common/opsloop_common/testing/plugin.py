"""pytest plugin: `-p opsloop_common.testing.plugin`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest
import pytest_asyncio
import structlog

from opsloop_common.db import Database, app_role
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.service import Service
from opsloop_common.settings import Settings
from opsloop_common.testing.clock import FakeClock
from opsloop_common.testing.databases import TestDatabases, in_ci, temporary_postgres
from opsloop_common.testing.http import Api, MakeApi, open_api
from opsloop_common.testing.kafka import KafkaBroker, NoBroker, running_broker
from opsloop_common.testing.receiver import WebhookReceiver
from opsloop_common.testing.smtp import SmtpSink


def pytest_configure() -> None:
    """Log tracebacks plainly: with the values of all variables, one took seconds to print."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for the whole test run."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> TestDatabases:
    """Hand out migrated databases."""
    return TestDatabases(postgres_server)


@pytest.fixture
def clock() -> FakeClock:
    """Return the test's clock."""
    return FakeClock()


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """Run one real Kafka broker for the whole test run; skip with the reason where none can be had, fail in CI."""
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(running_broker())
        except NoBroker as error:
            if in_ci():
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield broker


MakeDatabase = Callable[[Service], Awaitable[Database]]


@pytest_asyncio.fixture
async def make_database(databases: TestDatabases, clock: FakeClock) -> AsyncIterator[MakeDatabase]:
    """Return a function that makes a fresh migrated database for a service, as its runtime role."""
    made: list[Database] = []

    async def make(service: Service) -> Database:
        url = await databases.create(service)
        database = Database(url, service=service.name, clock=clock, role=app_role(service.name))
        made.append(database)
        return database

    yield make
    for database in made:
        await database.close()
        await databases.drop(database.url)


@pytest_asyncio.fixture
async def webhook_receiver() -> AsyncIterator[WebhookReceiver]:
    """Receive webhooks for one test."""
    async with WebhookReceiver().running() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def smtp_sink() -> AsyncIterator[SmtpSink]:
    """Take mails for one test."""
    async with SmtpSink().running() as sink:
        yield sink


@pytest_asyncio.fixture
async def api(make_database: MakeDatabase) -> AsyncIterator[MakeApi]:
    """Return a function that opens a service's HTTP door on a fresh database: `acme = await api(SERVICE)`."""
    async with AsyncExitStack() as stack:

        async def make(service: Service, settings: Settings | None = None, *, ports: object = None) -> Api:
            database = await make_database(service)
            return await stack.enter_async_context(open_api(service, database, settings, ports=ports))

        yield make
