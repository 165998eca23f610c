"""The loop that writes what others captured."""

from __future__ import annotations

import asyncio

from opsloop_common.db import ports_of
from opsloop_common.service import Runtime, Slice
from opsloop_metrics.capture_log import service
from opsloop_metrics.ports import MetricsPorts


async def capture_from_log(runtime: Runtime) -> None:
    """Write what stands in the log, for ever; without one, what was captured is written where it comes in."""
    captured = ports_of(runtime.db, MetricsPorts).captured
    if captured is None:
        await asyncio.Event().wait()
    else:
        await service.read_log(captured.log, captured.writer)


SLICE = Slice("capture_log", loops=(capture_from_log,))
