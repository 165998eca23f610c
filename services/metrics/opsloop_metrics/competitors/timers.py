"""What time makes due: series that are pulled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from opsloop_common.db import ports_of
from opsloop_common.due import DueKind, LongRun
from opsloop_metrics.competitors import service
from opsloop_metrics.ports import MetricsPorts


async def pull_series(run: LongRun) -> None:
    """Pull what is due in the workspace, some at once, each kept in a transaction of its own."""
    client = ports_of(run, MetricsPorts).outbound
    while True:
        async with run.transaction() as session:
            orders, zone = await service.orders(session), await service.zone(session)
        if not orders:
            return
        answers = await asyncio.gather(*(service.ask(client, order) for order in orders))
        for order, answer in zip(orders, answers, strict=True):
            async with run.transaction() as session:
                await service.take_answer(session, order, answer, zone)


DUE = (
    DueKind("metrics.pull_series", pull_series, every=timedelta(minutes=5), per="workspace", long=True, concurrency=4),
)
