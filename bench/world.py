"""What the measurements stand on: a PostgreSQL that really flushes, migrated databases, ports, and OpsLoop both ways."""

from __future__ import annotations

import importlib
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from opsloop.data import postgres_dir
from opsloop_common import migrations
from opsloop_common.embedded_postgres import PostgresServer
from opsloop_common.testing.databases import TestDatabases, temporary_postgres
from tests import harness
from tests.harness import SERVICES, Deployment, Process

DURABLE = {"max_connections": "200"}  # everything else as the product starts it: fsync on, synchronous commits
NO_LIMIT = {"OPSLOOP_RATE_LIMIT_PER_SECOND": "1000000", "OPSLOOP_RATE_LIMIT_BURST": "1000000"}
QUIET = {"OPSLOOP_LOG_LEVEL": "warning"}


class Databases(TestDatabases):
    """Makes migrated databases by name."""

    async def migrated(self, service: str, name: str) -> str:
        """Create `<service>_<name>`, migrated, and return its URL."""
        url = await self.create_empty(f"{service}_{name}")
        await migrations.upgrade(importlib.import_module(f"opsloop_{service}.app").SERVICE, url)
        return url


@contextmanager
def databases() -> Iterator[Databases]:
    """Run a PostgreSQL of its own for the length of the block."""
    with temporary_postgres(DURABLE) as server:
        yield Databases(server)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder that PostgreSQL's unprivileged user may enter, also when we run as root; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="opsloop-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def all_in_one(folder: Path, **settings: str) -> Deployment:
    """Describe `opsloop up` below `folder`, not started; without the limits of rates unless the settings say otherwise."""
    return harness.embedded(
        folder,
        socket_dir=lambda data_dir: PostgresServer(postgres_dir(data_dir)).socket_dir,
        **(NO_LIMIT | QUIET | settings),
    )


@asynccontextmanager
async def started(deployment: Deployment) -> AsyncIterator[Deployment]:
    """Start a deployment, wait until it is ready, and end it after the block."""
    try:
        for process in deployment.processes.values():
            process.start()
        await deployment.ready()
        yield deployment
    finally:
        await deployment.close()


@asynccontextmanager
async def four_processes(databases: Databases, folder: Path, bootstrap: str) -> AsyncIterator[Deployment]:
    """Run the four services as processes of their own on a Kafka broker."""
    urls = {service: await databases.create_empty(f"{service}_four") for service in SERVICES}
    deployment = harness.distributed(folder, bootstrap=bootstrap, database_urls=urls, **NO_LIMIT, **QUIET)
    harness.migrate(deployment)
    async with started(deployment):
        yield deployment


def wait_for_port(port: int, process: Process, *, within: float = 60.0) -> float:
    """Wait until somebody listens on a loopback port; return the seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        assert not process.is_dead(), f"{process.name} ended early:\n{process.tail()}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"{process.name} does not listen on {port}:\n{process.tail()}")
