"""The job that delivers again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from opsloop_common.due.jobs import JobRun
from opsloop_common.due.kinds import DueKind
from opsloop_notifications.recoveries import rules, service
from opsloop_notifications.recoveries.rules import Pace
from opsloop_notifications.recoveries.service import Place, Wanted


async def recover(job: JobRun) -> Mapping[str, Any]:
    """Queue page after page, each a moment after the one before it was tried, and go on after a crash where it stopped."""
    wanted, (place, pace) = Wanted.read(job.payload), _read_state(job.state)
    while True:
        async with job.transaction() as session:
            step = await service.step(session, wanted, place, page=pace.page)
            if step.place is None:
                await job.progress(job.done + step.queued, session=session)
                return {"queued": job.done, "stopped": step.stopped}
            is_searching = step.place != place and not step.queued
            if step.queued or step.is_failing:
                pace = rules.next_pace(pace, is_failing=step.is_failing, per_second=step.per_second)
            place = step.place
            await job.progress(job.done + step.queued, state=_written_state(place, pace), session=session)
        if is_searching:  # none of so many events was lost
            job.give_way()
        else:
            job.put_off(job.grounds.clock.now() + pace.pause)


def _read_state(state: Mapping[str, Any]) -> tuple[Place, Pace]:
    if "page" not in state:
        return service.START, Pace()
    delivery_id = state["delivery_id"]
    place = Place(None if delivery_id is None else UUID(delivery_id), state["position"])
    return place, Pace(state["page"], timedelta(seconds=state["pause_seconds"]))


def _written_state(place: Place, pace: Pace) -> dict[str, Any]:
    return {
        "delivery_id": None if place.delivery_id is None else str(place.delivery_id),
        "position": place.position,
        "page": pace.page,
        "pause_seconds": pace.pause.total_seconds(),
    }


# two of large endpoints at a time: with four a small one's took six times as long as alone
RECOVER = DueKind(service.RECOVER_JOB, recover, concurrency=4, long=True)
