"""What the measurements stand on: a PostgreSQL that really flushes, migrated databases, ports."""

from __future__ import annotations

import importlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opsloop_common import migrations
from opsloop_common.testing.databases import TestDatabases, temporary_postgres
from tests.harness import Process

DURABLE = {"max_connections": "200"}  # everything else as the product starts it: fsync on, synchronous commits


class Databases(TestDatabases):
    """Makes migrated databases by name."""

    async def migrated(self, service: str, name: str) -> str:
        """Create `<service>_<name>`, migrated, and return its URL."""
        url = await self.create_empty(f"{service}_{name}")
        await migrations.upgrade(importlib.import_module(f"opsloop_{service}.app").SERVICE, url)
        return url


@contextmanager
def databases() -> Iterator[Databases]:
    """Run a PostgreSQL of its own for the whole benchmark."""
    with temporary_postgres(DURABLE) as server:
        yield Databases(server)


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
