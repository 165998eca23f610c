"""How many people are active."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.active_users import queries, rules
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame, midnight
from opsloop_metrics.insights.persons import Person, Portion, list_persons, require_number


async def answer(session: AsyncSession, frame: Frame) -> rules.ActiveUsers:
    """Return the active users of each interval; raises Invalid, TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    days = rules.last_days(frame)
    first = days[0] - timedelta(days=rules.MONTH_DAYS - 1)
    count = (days[-1] - first).days + 1
    sql = queries.days(frame, bind, first=first, count=count, most=rules.MONTH_DAYS)
    found = await ask(session, frame, sql, bind)
    return rules.active_users_of(frame, first, [(day, gap, people) for day, gap, people in found.rows])


async def people(
    session: AsyncSession, frame: Frame, portion: Portion, *, interval: int, measure: rules.Measure
) -> list[Person]:
    """Return those who are counted in one of the intervals; raises Invalid, TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    days = rules.last_days(frame)
    require_number("/interval", interval, len(days), what="an interval")
    last = days[interval]
    since = midnight(last - timedelta(days=rules.WIDTHS[measure] - 1), frame.zone)
    until = min(midnight(last + timedelta(days=1), frame.zone), frame.end)
    persons = queries.people(frame, bind, since=since, until=until)
    return await list_persons(session, frame, persons, bind, portion, since=since, until=until)
