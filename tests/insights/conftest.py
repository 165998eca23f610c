"""The product that the tests of a module ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from opsloop_common.testing.databases import TestDatabases
from tests.insights.product import Product, open_product


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """Return one product for all worlds."""
    async with open_product(databases, tmp_path_factory.mktemp("events")) as opened:
        yield opened
