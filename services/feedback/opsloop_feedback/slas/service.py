"""Use cases of service levels: clocks are looked at, and what came of them counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_common.errors import Invalid
from opsloop_common.resources import touch
from opsloop_feedback.items import service as items
from opsloop_feedback.sla_clocks import service as clocks
from opsloop_feedback.slas import rules

LOOK = clocks.LOOK
NEWEST_FIRST = clocks.NEWEST_FIRST
LONGEST_REPORT = timedelta(days=366)


async def look(session: AsyncSession, feedback_id: UUID) -> None:
    """Say what approaches and what is breached of a post's clocks; one that is gone has none."""
    feedback = await items.find_and_lock(session, feedback_id)
    if feedback is not None and await items.keep_clocks(session, feedback):
        touch(session, feedback)


async def clocks_of(session: AsyncSession, feedback_id: UUID) -> Select[clocks.SlaClock]:
    """Return the query of a post's clocks, to be paged; raises NotFound."""
    await items.get_feedback(session, feedback_id)
    return clocks.clocks_of(feedback_id)


@dataclass(frozen=True)
class Report:
    """What was met and breached in a period."""

    since: datetime
    until: datetime
    rows: list[rules.Outcome]
    total: list[rules.Outcome]


async def report(session: AsyncSession, since: datetime | None, until: datetime | None, *, by: str) -> Report:
    """Count what was met and breached from a moment (30 days earlier) until another (now); raises Invalid (422)."""
    end = until or clock_of(session).now()
    begin = since or end - timedelta(days=30)
    if not begin < end <= begin + LONGEST_REPORT:
        raise Invalid("/query/to", f"must be after `from`, by {LONGEST_REPORT.days} days at most")
    found = await clocks.outcomes(session, begin, end, by=by)
    rows = [rules.Outcome(row.group, row.target, row.met, row.breached, row.median) for row in found]
    return Report(begin, end, rows, rules.totals(rows))
