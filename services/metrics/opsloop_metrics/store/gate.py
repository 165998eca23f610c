"""Whose query runs now: places are few, and one workspace's queries, however many and long, leave one to the others."""

from __future__ import annotations

import asyncio

from opsloop_common import gate
from opsloop_metrics.store.port import StoreUnavailable

WAIT_SECONDS = 10.0


class Gate(gate.Gate):
    """A gate at which nobody waits for ever: `place` raises StoreUnavailable when none gets free in time."""

    async def _wait(self, workspace: str) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await super()._wait(workspace)
        except TimeoutError as error:
            raise StoreUnavailable(
                "Too many queries of this workspace are running; try again.", headers={"Retry-After": "1"}
            ) from error
