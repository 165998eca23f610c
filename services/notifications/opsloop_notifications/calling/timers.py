"""What runs beside requests: the calls, and the tests of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsloop_common.db import ports_of
from opsloop_common.due.engine import Engine
from opsloop_common.due.jobs import JobRun
from opsloop_common.due.kinds import DueKind
from opsloop_common.service import Runtime
from opsloop_notifications.calling import service
from opsloop_notifications.calling.caller import CallWork, call_once
from opsloop_notifications.calling.rules import TEST_JOB, failure_of, trial_of
from opsloop_notifications.ports import NotificationsPorts


async def dispatch_calls(runtime: Runtime) -> None:
    """Make calls until cancelled."""
    client = ports_of(runtime, NotificationsPorts).outbound
    await Engine(runtime.db, CallWork(runtime, client), owner=runtime.boot_id).run()


async def test(job: JobRun) -> Mapping[str, Any]:
    """Call a channel once, outside any transaction, and tell what came of it."""
    ports = ports_of(job, NotificationsPorts)
    async with job.transaction() as session:
        found = await service.aim_of_test(session, job.payload, ports.secrets)
    if found is None:
        return {
            "outcome": "failed",
            "status_code": None,
            "failure": "not_there",
            "detail": "The channel or contact is no more.",
        }
    aim, language = found
    told = trial_of(job.id, language)
    verdict, status, failure = await call_once(ports.outbound, aim, told, job.grounds.clock.now(), None)
    named = failure or failure_of(verdict.outcome, status)
    return {"outcome": verdict.outcome, "status_code": status, "failure": named, "detail": verdict.detail}


TEST = DueKind(TEST_JOB, test, long=True)
