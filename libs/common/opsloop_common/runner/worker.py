"""The worker role: relay, consumers, due work, the service's own loops, and the heart that says they are alive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import structlog

from opsloop_common.bus.metrics import BackboneMetrics
from opsloop_common.due import recurring
from opsloop_common.due.kinds import DueKind
from opsloop_common.due.metrics import DueMetrics
from opsloop_common.due.runner import DueRunner
from opsloop_common.due.workers import alive, claim_tables
from opsloop_common.outbox.relay import Relay
from opsloop_common.runner import housekeeping
from opsloop_common.runner.build import instance_of
from opsloop_common.runner.together import together
from opsloop_common.service import Check, Runtime, loop_name
from opsloop_common.supervision import Loop, LoopMeter, supervised

log = structlog.get_logger(__name__)


@asynccontextmanager
async def run_worker(runtime: Runtime, *, free_older_claims: bool = False) -> AsyncIterator[None]:
    """Do the background work of one service for the length of the block.

    `free_older_claims`: this is the only process on the database, so what an earlier one claimed is free at once. At the end
    nothing new is begun, what runs has 20 s, and the relay goes last, with the events of that.
    """
    if runtime.bus is None:
        raise RuntimeError(f"{runtime.service.name}: a worker needs a bus")
    service, database = runtime.service, runtime.db
    backbone, due = BackboneMetrics(runtime.registry), DueMetrics(runtime.registry)
    kinds = (*service.due, *housekeeping.kinds(service))

    async def bus() -> Check:
        problem = runtime.bus.problem() if runtime.bus is not None else "there is none"
        return Check("bus", problem is None, problem or "")

    meter = database.meters.of(LoopMeter)

    async def loops() -> Check:
        # only their names: who asks needs no key, and what they said stands in the log
        found = meter.in_trouble()
        return Check("loops", not found, ", ".join(found), essential=False, quiet=True)

    runtime.readiness += [bus, loops]
    try:
        async with (
            alive(
                database,
                runtime.boot_id,
                instance=instance_of(runtime),
                tables=claim_tables(service.metadata),
                alone=free_older_claims,
            ),
            Relay(database, runtime.bus, direct_url=runtime.direct_url, metrics=backbone).running(),
            together(
                runtime.bus.consuming(service, database, metrics=backbone),
                DueRunner(database, kinds, owner=runtime.boot_id, metrics=due).running(),
                supervised(_loops(runtime, kinds, backbone, due), meter=meter),
            ),
        ):
            log.info("worker started", service=service.name, boot_id=str(runtime.boot_id))
            yield
            log.info("worker stopping", service=service.name)
    finally:
        for check in (bus, loops):
            runtime.readiness.remove(check)


def _loops(runtime: Runtime, kinds: Sequence[DueKind], backbone: BackboneMetrics, due: DueMetrics) -> dict[str, Loop]:
    name = runtime.service.name
    loops: dict[str, Loop] = {f"{name} recurring": partial(recurring.keep, runtime.db, kinds)}
    for what, gauge in housekeeping.gauges(runtime, backbone, due).items():
        loops[f"{name} {what}"] = gauge
    for loop in runtime.service.loops:
        loops[f"{name} {loop_name(loop)}"] = partial(loop, runtime)
    return loops
