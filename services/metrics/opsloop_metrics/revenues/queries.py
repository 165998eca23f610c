"""What revenue asks the event store: who was there, who invited, who joined."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.revenues.rules import WHOLE, Counted


async def count_events(session: AsyncSession, frame: Frame, wanted: EventFilter) -> Counted:
    """Count events and their people by interval, and over the whole time; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    read = from_events(frame, bind, conditions=[matches(wanted, bind)], with_traits=needs_traits(wanted))
    events = f"SELECT {interval_sql(frame, 'e.time')} AS place, {person_of(frame)} AS who {read}"
    sql = f"SELECT arrayJoin([place, {WHOLE}]) AS spot, count(), uniqExact(who) FROM ({events}) GROUP BY spot"
    rows = (await ask(session, frame, sql, bind)).rows
    return Counted(
        {int(place): int(events) for place, events, _ in rows}, {int(place): int(people) for place, _, people in rows}
    )
