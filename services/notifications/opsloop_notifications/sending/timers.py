"""What runs beside requests: the sending of deliveries, and recovery of what an endpoint missed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from opsloop_common.db import ports_of
from opsloop_common.due.engine import Engine
from opsloop_common.due.jobs import JobRun
from opsloop_common.due.kinds import DueKind
from opsloop_common.service import Runtime
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.sending import service
from opsloop_notifications.sending.sender import WebhookWork

PAGE = 500


async def dispatch_webhooks(runtime: Runtime) -> None:
    """Send deliveries until cancelled."""
    ports = ports_of(runtime, NotificationsPorts)
    await Engine(runtime.db, WebhookWork(runtime, ports.outbound, ports.lanes), owner=runtime.boot_id).run()


async def recover(job: JobRun) -> Mapping[str, Any]:
    """Open again what failed since a time, then plan what was never planned; each step goes on where a crash stopped it."""
    webhook_id, since = UUID(job.payload["webhook_id"]), datetime.fromisoformat(job.payload["since"])
    state = {"failed_after": None, "failed_done": False, "position": 0} | job.state
    while not state["failed_done"]:
        async with job.transaction() as session:
            after = UUID(state["failed_after"]) if state["failed_after"] else None
            last = await service.recover_failed(session, webhook_id, since, after=after, limit=PAGE)
            state |= {"failed_after": str(last) if last else None, "failed_done": last is None}
            await job.progress(job.done, state=state, session=session)
        job.give_way()
    planned = job.done
    while True:
        async with job.transaction() as session:
            position, count = await service.recover_missed(
                session, webhook_id, since, after=state["position"], limit=PAGE
            )
            if position is None:
                return {"missed": planned}
            planned += count
            state["position"] = position
            await job.progress(planned, state=state, session=session)
        job.give_way()


# two of large endpoints at a time: with four a small one's took six times as long as alone
RECOVER = DueKind(service.RECOVER_JOB, recover, concurrency=4, long=True)
