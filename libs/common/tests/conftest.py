"""Embedded PostgreSQL servers of a test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opsloop_common.embedded_postgres import PostgresServer

NewServer = Callable[[], PostgresServer]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="opsloop-pg-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def new_server(folder: Path) -> Iterator[NewServer]:
    """Make servers on one and the same folder, as process after process would; all are stopped in the end."""
    made: list[PostgresServer] = []

    def make() -> PostgresServer:
        made.append(PostgresServer(folder / "data"))
        return made[-1]

    yield make
    for server in made:
        server.stop()
