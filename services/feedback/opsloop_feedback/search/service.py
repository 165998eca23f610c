"""Search posts by what they speak of."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.synonyms import service as synonyms
from opsloop_feedback.terms.rules import Vocabulary, asked

NEWEST_FIRST = indexing.NEWEST_HAVING_FIRST


@dataclass(frozen=True)
class Search:
    """What is searched, as a statement to be paged by `NEWEST_FIRST`, and what is shown of what it finds."""

    statement: Select[Feedback]
    terms: list[str]
    by: Vocabulary


async def search(session: AsyncSession, query: str, filters: Filters) -> Search | None:
    """Return the search for posts that speak of all of a query and fulfil the filters, the newest first; None: it says nothing."""
    by = await synonyms.vocabulary(session)
    terms = asked(query, by=by)
    if not terms:
        return None
    return Search(await indexing.having_all(session, items.matching(filters), Feedback.id, terms), terms, by)
