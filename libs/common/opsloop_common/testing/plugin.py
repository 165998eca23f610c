"""pytest plugin: `-p opsloop_common.testing.plugin`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest
import pytest_asyncio
import structlog

from opsloop_common.db import Database, app_role
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.runner import garbage
from opsloop_common.service import Service
from opsloop_common.settings import Settings
from opsloop_common.testing import run
from opsloop_common.testing.clock import FakeClock
from opsloop_common.testing.collector import Collector, collecting
from opsloop_common.testing.databases import TestDatabases, shared_postgres
from opsloop_common.testing.dialect import share_dialects
from opsloop_common.testing.http import Api, MakeApi, open_api
from opsloop_common.testing.kafka import KafkaBroker, NoBroker, running_broker
from opsloop_common.testing.prerequisites import end_without
from opsloop_common.testing.quiet import MEASURED, quiet_while
from opsloop_common.testing.receiver import WebhookReceiver
from opsloop_common.testing.scheduling import ByFileOrGroup, is_worker
from opsloop_common.testing.smtp import SmtpSink
from opsloop_common.testing.tiers import sort_into_tiers

RUN: pytest.StashKey[run.Run] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Keep what is compiled, whoever runs us: else each worker and each process would write the assertions of all tests anew."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, unless this is a worker of one; log tracebacks plainly: with all variables, one took seconds to print."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    share_dialects()
    if not is_worker(config):
        config.stash[RUN] = run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run with the process that began it."""
    if (begun := config.stash.get(RUN, None)) is not None:
        begun.end()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give each worker a file or a group at a time."""
    return ByFileOrGroup(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of each test which tier it is in."""
    sort_into_tiers(items)


def pytest_collection_finish() -> None:
    """Look for garbage as the product does: among all tests and what they import, each look would take a second."""
    garbage.settle()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that measures time run while no other does."""
    with quiet_while(run.shared_folder(), measured=item.get_closest_marker(MEASURED) is not None):
        return (yield)


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """Return the one PostgreSQL of the whole test run."""
    return shared_postgres()


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
            end_without(str(error))
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
async def collector() -> AsyncIterator[Collector]:
    """Collect traces for one test."""
    async with collecting() as running:
        yield running


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
