"""Find what else was said about the same."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.similar import rules
from opsloop_feedback.similar.rules import Match
from opsloop_feedback.synonyms import service as synonyms
from opsloop_feedback.terms.rules import Terms, read


@dataclass(frozen=True)
class Similar:
    """A post that is like another, and why."""

    feedback: Feedback
    match: Match


async def similar_to(session: AsyncSession, feedback_id: UUID, *, limit: int) -> list[Similar]:
    """Return what is most like a post; raises NotFound."""
    feedback = await items.get_feedback(session, feedback_id)
    asked = read(feedback.body, feedback.title, by=await synonyms.vocabulary(session))
    return await _similar(session, asked, apart=feedback_id, limit=limit)


async def similar_to_text(session: AsyncSession, text: str, *, limit: int) -> list[Similar]:
    """Return what is most like a text."""
    asked = read(text, by=await synonyms.vocabulary(session))
    return await _similar(session, asked, apart=None, limit=limit)


async def _similar(session: AsyncSession, asked: Terms, *, apart: UUID | None, limit: int) -> list[Similar]:
    matches = await find_matches(session, asked, apart=apart, limit=limit)
    known = {one.id: one for one in await items.some_feedback(session, [match.feedback_id for match in matches])}
    return [Similar(known[match.feedback_id], match) for match in matches if match.feedback_id in known]


async def find_matches(session: AsyncSession, asked: Terms, *, apart: UUID | None, limit: int) -> list[Match]:
    """Return which posts are most like what was said."""
    own = await indexing.rarity(session, asked.all)
    found = await indexing.candidates(session, asked.all, own, apart=apart, limit=rules.CONSIDERED)
    if not found:
        return []
    rarity = await indexing.rarity(session, {*asked.all, *(token for one in found for token in one.tok)})
    return rules.matches(asked, found, rarity, limit=limit)
