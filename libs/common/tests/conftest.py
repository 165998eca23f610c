"""Embedded PostgreSQL servers and topics of a test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.testing.databases import copy_cluster
from opsloop_common.testing.kafka import KafkaBroker

NewServer = Callable[[], PostgresServer]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="opsloop-pg-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def servers(folder: Path) -> Iterator[NewServer]:
    """Make servers on one and the same folder, as process after process would; all are stopped in the end."""
    made: list[PostgresServer] = []

    def make() -> PostgresServer:
        made.append(PostgresServer(folder / "data"))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def new_server(folder: Path, servers: NewServer) -> NewServer:
    """Make servers on one and the same folder, in which a cluster is already: for tests that are not about the first start."""
    copy_cluster(folder / "data")
    return servers


@pytest.fixture
async def prefix(kafka_broker: KafkaBroker) -> AsyncIterator[str]:
    """What a test's topics begin with. They are deleted in the end: a broker that is killed reads through all that it has."""
    prefix = f"t{uuid4().hex[:8]}"
    yield prefix
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(prefix)])
    finally:
        await admin.close()
