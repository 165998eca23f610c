"""Why people leave."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.errors import Invalid
from opsloop_metrics.churns import queries, rules
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame


async def answer(session: AsyncSession, frame: Frame, churn: rules.Churn) -> rules.Reasons:
    """Return what sets those who left apart; raises Invalid, TooHeavy, StoreUnavailable."""
    try:
        until = frame.end + churn.inactive_for
    except OverflowError as error:
        raise Invalid("/to", "is beyond what can be counted") from error
    bind = Binding()
    found = await ask(session, frame, queries.people(frame, bind, churn, until=until), bind)
    people = rules.counted(rules.People(state, int(count), int(answered)) for state, count, answered in found.rows)
    bind = Binding()
    said = await ask(session, frame, queries.answers(frame, bind, churn, people, until=until), bind)
    given = (rules.Given(int(row[0]), row[1], *map(int, row[2:])) for row in said.rows)
    return rules.reasons_of(churn, people, given)
