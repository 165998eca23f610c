"""Everything of the index that says SELECT."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, exists, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from opsloop_common.db import context_of
from opsloop_feedback.indexing.models import FeedbackToken, IndexedFeedback
from opsloop_feedback.indexing.rules import ALL_POSTS, POSTS_PER_PROBE, Candidate, Rarity, Repeat, turn_of
from opsloop_feedback.terms.rules import ENGINE

RowT = TypeVar("RowT")
_RAREST = aliased(FeedbackToken)
NEWEST_HAVING_FIRST = (_RAREST.feedback_id.desc(),)
"""The order of what `having_all` narrows: that in which the rarest term's posts lie in its key."""

# by the primary key alone, the newest posts of each term first: a term that everybody says costs no more than a rare one. Words
# are few and posts many, so the sum of weights over the root of a post's length is what the next step, which knows all, begins with
_CANDIDATES = text(
    "WITH shared AS MATERIALIZED (SELECT t.feedback_id, sum(p.weight) AS weight "
    "FROM unnest(CAST(:tokens AS text[]), CAST(:weights AS float8[])) AS p(token, weight) "
    "CROSS JOIN LATERAL (SELECT feedback_id FROM feedback_token WHERE workspace = :workspace "
    'AND token = p.token COLLATE "C" ORDER BY feedback_id DESC LIMIT :most) AS t '
    "GROUP BY t.feedback_id ORDER BY weight DESC, t.feedback_id DESC LIMIT :considered) "
    "SELECT f.feedback_id, f.tok, f.in_title, f.is_denial FROM shared JOIN indexed_feedback AS f "
    "ON f.feedback_id = shared.feedback_id AND f.workspace = :workspace AND NOT f.is_hidden "
    "WHERE f.feedback_id IS DISTINCT FROM :apart "
    "ORDER BY shared.weight / sqrt(cardinality(f.tok) + 1) DESC, f.feedback_id DESC LIMIT :limit"
)
_CONSIDERED = 400
# as text: of a thousand terms the expression took longer to build than the rows to read
_RARITY = text(
    "SELECT token, posts FROM token_df WHERE workspace = :workspace AND token = ANY(CAST(:tokens AS text[]))"
)
_LIKE = "SELECT feedback_id FROM indexed_feedback WHERE workspace = :workspace AND likeness = i.likeness"
_REPEATS = text(
    "SELECT i.feedback_id, o.feedback_id AS oldest, n.feedback_id AS before, l.feedback_id AS latest FROM indexed_feedback AS i "  # noqa: S608 our own parts
    f"CROSS JOIN LATERAL ({_LIKE} ORDER BY feedback_id LIMIT 1) AS o "
    f"LEFT JOIN LATERAL ({_LIKE} AND feedback_id < i.feedback_id ORDER BY feedback_id DESC LIMIT 1) AS n ON true "
    f"LEFT JOIN LATERAL ({_LIKE} AND feedback_id <> ALL(CAST(:ids AS uuid[])) ORDER BY feedback_id DESC LIMIT 1) AS l ON true "
    "WHERE i.workspace = :workspace AND i.feedback_id = ANY(CAST(:ids AS uuid[])) AND i.likeness IS NOT NULL "
    "AND (n.feedback_id IS NOT NULL OR l.feedback_id IS NOT NULL) ORDER BY i.feedback_id"
)
_LIKENESSES = text(
    "SELECT DISTINCT likeness FROM indexed_feedback "
    "WHERE workspace = :workspace AND feedback_id = ANY(CAST(:ids AS uuid[])) AND likeness IS NOT NULL"
)
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


async def rarity(session: AsyncSession, tokens: Collection[str]) -> Rarity:
    """Return how many posts have each term, as far as it was counted."""
    given = {"workspace": context_of(session).workspace, "tokens": [ALL_POSTS, *tokens]}
    found = await session.execute(_RARITY, given)
    counted = {row.token: row.posts for row in found}
    return Rarity(max(0, counted.pop(ALL_POSTS, 0)), counted)


async def candidates(
    session: AsyncSession, weights: Mapping[str, float], *, apart: UUID | None, limit: int
) -> list[Candidate]:
    """Return the posts that share most with these terms, but one."""
    found = await session.execute(
        _CANDIDATES,
        {
            "workspace": context_of(session).workspace,
            "tokens": list(weights),
            "weights": list(weights.values()),
            "most": POSTS_PER_PROBE,
            "considered": _CONSIDERED,
            "apart": apart,
            "limit": limit,
        },
    )
    return [Candidate(*row) for row in found]


async def repeats_of(session: AsyncSession, feedback_ids: Collection[UUID]) -> list[Repeat]:
    """Return those of some posts that others said word for word, in their order.

    Who looks at what says the same takes turns until its transaction ends: a burst of repeats comes in batches at once, and none of
    two would see the other.
    """
    workspace = context_of(session).workspace
    given = {"workspace": workspace, "ids": list(feedback_ids)}
    keys = {turn_of(workspace, likeness) for likeness in await session.scalars(_LIKENESSES, given)}
    if not keys:
        return []
    await session.execute(_TAKE_TURNS, {"keys": sorted(keys)})
    found = await session.execute(_REPEATS, given)
    return [
        Repeat(
            row.feedback_id, tuple(id for id in dict.fromkeys((row.oldest, row.before, row.latest)) if id is not None)
        )
        for row in found
    ]


async def terms_of(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return what some posts are found by, also those that another stands for."""
    found = await session.execute(
        select(IndexedFeedback.feedback_id, IndexedFeedback.tok).where(
            IndexedFeedback.workspace == context_of(session).workspace,
            IndexedFeedback.feedback_id == any_(literal(list(feedback_ids), ARRAY(Uuid))),
        )
    )
    return {row.feedback_id: row.tok for row in found}


async def lock_indexed(session: AsyncSession, feedback_ids: Sequence[UUID]) -> dict[UUID, IndexedFeedback]:
    """Lock and return what is known of posts, in the order of their ids."""
    found = await session.scalars(
        select(IndexedFeedback)
        .where(IndexedFeedback.feedback_id == any_(literal(feedback_ids, ARRAY(Uuid))))
        .order_by(IndexedFeedback.feedback_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {row.feedback_id: row for row in found}


async def is_any_unread(session: AsyncSession, feedback_ids: Collection[UUID]) -> bool:
    """Say whether some post was not read, or by other rules than ours."""
    read = await session.scalars(
        select(IndexedFeedback.feedback_id).where(
            IndexedFeedback.feedback_id == any_(literal(list(feedback_ids), ARRAY(Uuid))),
            IndexedFeedback.engine == ENGINE,
        )
    )
    return len(read.all()) < len(feedback_ids)


def having_all(
    session: AsyncSession,
    statement: Select[RowT],
    id: ColumnElement[UUID] | InstrumentedAttribute[UUID],
    rarest: str,
    others: Sequence[str],
) -> Select[RowT]:
    """Narrow a statement to posts that have all terms: those of the rarest from the newest on, each asked for the others."""
    workspace = context_of(session).workspace
    narrowed = statement.join(_RAREST, _RAREST.feedback_id == id)
    narrowed = narrowed.where(_RAREST.workspace == workspace, _RAREST.token == rarest)
    for token in others:
        another = aliased(FeedbackToken)
        own = (another.workspace == workspace, another.token == token, another.feedback_id == _RAREST.feedback_id)
        narrowed = narrowed.where(exists().where(*own))
    return narrowed
