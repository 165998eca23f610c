"""How many people are active."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.active_users import queries, rules
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame


async def answer(session: AsyncSession, frame: Frame) -> rules.ActiveUsers:
    """Return the active users of each interval; raises Invalid, TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    days = rules.last_days(frame)
    first = days[0] - timedelta(days=rules.MONTH_DAYS - 1)
    count = (days[-1] - first).days + 1
    sql = queries.days(frame, bind, first=first, count=count, most=rules.MONTH_DAYS)
    found = await ask(session, frame, sql, bind)
    return rules.active_users_of(frame, first, [(day, gap, people) for day, gap, people in found.rows])
