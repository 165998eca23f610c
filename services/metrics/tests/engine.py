"""The one engine in a process of tests: chDB holds one folder at a time. A plugin, since several folders of tests ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from opsloop_metrics.store.embedded import EmbeddedStore


@pytest.fixture(scope="session")
def events_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Keep one engine for all tests of a process."""
    from opsloop_metrics.store.embedded import EmbeddedStore

    engine = EmbeddedStore(tmp_path_factory.mktemp("events"))
    yield engine
    asyncio.run(engine.close())
