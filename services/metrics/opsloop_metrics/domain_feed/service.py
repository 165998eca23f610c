"""Use cases of the feed: begin it where somebody captures or asks, and bring over what has not been brought.

What is to be brought says so itself, row by row (`domain_event.is_fed`), and a row is marked after it is stored. A position in the
order of receipt would pass over what was received before and commits later; a row that nobody sees yet is simply seen the next
time. What dies between storing and marking is stored again under the same name, and known.
"""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints
from opsloop_common.db import clock_of, context_of, ports_of
from opsloop_common.due.jobs import LongRun
from opsloop_metrics.capture.rules import Reading
from opsloop_metrics.domain_feed import queries, rules
from opsloop_metrics.domain_feed.models import DomainFeed
from opsloop_metrics.events import service as events
from opsloop_metrics.people import service as people
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.recording import service as recording
from opsloop_metrics.recording.service import Sender
from opsloop_metrics.rejections import service as rejections

BLOCK = 1_000
SOURCE = "opsloop"


async def begin(session: AsyncSession) -> None:
    """Have the workspace's domain events brought into the store of product events from now on, and all that are kept."""
    row = {"workspace": context_of(session).workspace, "begun_at": clock_of(session).now()}
    await session.execute(insert(DomainFeed).values(row).on_conflict_do_nothing())


async def feed(run: LongRun) -> None:
    """Bring over what has not been brought of the run's workspace, a block at a time, if it captures or asks at all."""
    ports = ports_of(run, MetricsPorts)
    sender = Sender(run.workspace, SOURCE, "system", may_merge_identified=False, vendor=SOURCE)
    while True:
        async with run.transaction() as session:
            if not await _is_wanted(session):
                return
            found = await events.some_unfed(session, limit=BLOCK)
            now = clock_of(session).now()
        if not found:
            return
        messages = tuple((place, rules.message_of(told)) for place, told in enumerate(found) if rules.is_fed(told.type))
        accepted = await recording.accept(ports.sink, ports.find_place, sender, Reading(messages), now=now)
        failpoints.hit("metrics.fed")
        async with run.transaction() as session:
            await rejections.record(session, accepted.problems, source=SOURCE, vendor=sender.vendor)
            await events.mark_fed(session, [told.event_id for told in found])


async def _is_wanted(session: AsyncSession) -> bool:
    # whoever has captured anything has met somebody
    return await queries.is_begun(session) or await people.has_any(session)
