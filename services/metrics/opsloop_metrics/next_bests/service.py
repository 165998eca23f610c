"""What somebody may want next."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.next_bests import queries, rules
from opsloop_metrics.people import service as people


async def find_person(session: AsyncSession, user_id: str | None) -> UUID | None:
    """Return the person whom an id names, None where none is asked about; raises NotFound."""
    return None if user_id is None else (await people.get_user(session, user_id)).id


async def answer(session: AsyncSession, frame: Frame, asked: rules.NextBest, person: UUID | None) -> rules.Proposals:
    """Return what goes with what is asked about; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    rows = (await ask(session, frame, queries.items(frame, bind, asked), bind)).rows
    compared = rules.Compared(tuple(item for item, _ in rows), tuple(int(count) for _, count in rows))
    used: list[tuple[str, bool]] = []
    if person is not None:
        bind = Binding()
        own = await ask(session, frame, queries.used(frame, bind, asked, compared, person), bind)
        used = [(item, bool(is_in_range)) for item, is_in_range in own.rows]
    start = rules.begun(compared, asked, used)
    if not compared.values or start.seeds == []:
        return rules.proposals(compared, start, [])
    bind = Binding()
    found = await ask(session, frame, queries.together(frame, bind, asked, compared, start), bind)
    return rules.proposals(
        compared, start, [rules.Found(int(a), int(b), float(score), int(n)) for a, b, score, n in found.rows]
    )
