"""The product that the tests of a module ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from opsloop_common.testing.databases import TestDatabases
from opsloop_metrics.store.embedded import EmbeddedStore
from tests.insights.product import Product, open_product


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(databases: TestDatabases, events_engine: EmbeddedStore) -> AsyncIterator[Product]:
    """Return one product for all worlds."""
    async with open_product(databases, events_engine) as opened:
        yield opened
