"""Trace, if the settings say where to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from opsloop_common.service import Runtime


@asynccontextmanager
async def traced(*runtimes: Runtime) -> AsyncIterator[None]:
    """Trace the services of this process for the length of the block; without `OPSLOOP_OTLP_ENDPOINT` do nothing."""
    endpoint = runtimes[0].settings.otlp_endpoint
    if endpoint is None:
        yield
        return
    # here, since it takes 0.1 s and 10 MB that nobody should pay who has no collector
    exporting = import_module("opsloop_common.runner.exporting")
    async with exporting.exported(runtimes, endpoint):
        yield
