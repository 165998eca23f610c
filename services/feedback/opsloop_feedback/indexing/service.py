"""Use cases of the index: posts are read into it, and looked for by what somebody says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, TextClause, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from opsloop_common import due
from opsloop_common.db import clock_of, context_of
from opsloop_common.due.jobs import has_unfinished
from opsloop_common.ids import uuid7
from opsloop_common.turns import breathing
from opsloop_feedback.indexing import queries
from opsloop_feedback.indexing.models import IndexedFeedback, TokenDfChange
from opsloop_feedback.indexing.queries import NEWEST_HAVING_FIRST as NEWEST_HAVING_FIRST
from opsloop_feedback.indexing.rules import ALL_POSTS, Candidate, Rarity, Repeat, probes
from opsloop_feedback.items import service as items
from opsloop_feedback.items.rules import Said
from opsloop_feedback.synonyms import service as synonyms
from opsloop_feedback.synonyms.rules import READ_POSTS
from opsloop_feedback.terms.rules import ENGINE, Terms, likeness, read

Row = TypeVar("Row")

COUNT = "feedback.count_terms"
COUNTED_AFTER = timedelta(seconds=2)
"""Rarity changes slowly: what many batches brought is added up together."""
BATCHES_AT_ONCE = 200
HEARD_WITHIN = timedelta(hours=1)
INDEXED_AT_ONCE = 200
PRODUCT = ("product", "version", "platform")
"""Attributes that tell what a post is about: repeats have them in common, as they have the area."""

_ROWS = cast(Table, IndexedFeedback.__table__)
_ADD = text(
    "INSERT INTO feedback_token (workspace, token, feedback_id) SELECT :workspace, token, feedback_id "
    "FROM unnest(CAST(:tokens AS text[]), CAST(:ids AS uuid[])) AS added(token, feedback_id) "
    'ORDER BY token COLLATE "C", feedback_id ON CONFLICT DO NOTHING'
)
_REMOVE = text(
    "DELETE FROM feedback_token AS t USING unnest(CAST(:tokens AS text[]), CAST(:ids AS uuid[])) AS gone(token, feedback_id) "
    'WHERE t.workspace = :workspace AND t.token = gone.token COLLATE "C" AND t.feedback_id = gone.feedback_id'
)
_COUNT = text(
    "WITH gone AS (DELETE FROM token_df_change WHERE id = ANY(ARRAY(SELECT id FROM token_df_change "
    "WHERE workspace = :workspace ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)) RETURNING tokens, changes), "
    'summed AS (SELECT each.token COLLATE "C" AS token, sum(each.change)::integer AS change '
    "FROM gone, unnest(gone.tokens, gone.changes) AS each(token, change) GROUP BY 1), "
    "counted AS (INSERT INTO token_df AS d (workspace, token, posts) SELECT :workspace, token, change FROM summed "
    "WHERE change <> 0 ORDER BY token ON CONFLICT (workspace, token) DO UPDATE SET posts = d.posts + excluded.posts "
    "RETURNING d.token) SELECT (SELECT count(*) FROM gone) AS batches, ARRAY(SELECT token FROM counted) AS tokens"
)
_FORGET_UNSAID = text(
    "DELETE FROM token_df WHERE workspace = :workspace AND token = ANY(CAST(:tokens AS text[])) AND posts = 0"
)


async def index(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Read posts into the index as they are now; what stood there of them goes. Twice is once."""
    said = await items.said_in(session, feedback_ids)
    if not said:
        return
    by = await synonyms.vocabulary(session)
    found = await breathing(lambda one: (one, read(one.body, one.title, by=by), _likeness(one)), said)
    await session.execute(
        insert(_ROWS).on_conflict_do_nothing(),
        [_unread(one.id, context_of(session).workspace) for one in said],
    )
    rows = await queries.lock_indexed(session, [one.id for one in said])
    changes = _Changes()
    for one, terms, alike in found:
        _write(rows[one.id], terms, alike, changes)
    await changes.write(session)


async def read_some(session: AsyncSession, *, after: UUID) -> tuple[int, UUID | None]:
    """Read the posts that follow one again; returns how many, and the last of them, None where none is left."""
    ids = await items.ids_after(session, after, limit=INDEXED_AT_ONCE)
    await index(session, ids)
    return len(ids), ids[-1] if ids else None


async def keep(session: AsyncSession) -> None:
    """Have all posts read if the first, or one that should have been heard of by now, was not read by the rules of this release."""
    heard = clock_of(session).now() - HEARD_WITHIN
    ends = await items.first_and_last(session, before=heard)
    if await queries.is_any_unread(session, ends) and not await has_unfinished(session, READ_POSTS, {}):
        await synonyms.read_posts(session)


async def posts_there_are(session: AsyncSession) -> int:
    """Return how many posts are found, as far as they were counted."""
    return (await queries.rarity(session, ())).posts


async def having_all(
    session: AsyncSession,
    statement: Select[Row],
    id: ColumnElement[UUID] | InstrumentedAttribute[UUID],
    terms: Sequence[str],
) -> Select[Row]:
    """Narrow a statement about posts to those that have all of some terms; it is paged by `NEWEST_HAVING_FIRST`."""
    known = await queries.rarity(session, terms)
    rarest, *others = sorted(terms, key=lambda term: (known.of.get(term, 0), term))
    return queries.having_all(session, statement, id, rarest, others)


async def hide(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Let posts be like nothing, since another stands for them; search still finds them."""
    await _set_standing(session, feedback_ids, is_hidden=True, is_repeat=False)


async def hide_repeats(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Let posts be found by nothing, since another stands for them that says the same."""
    rows = await _set_standing(session, feedback_ids, is_hidden=True, is_repeat=True)
    await _write_tokens(session, _REMOVE, [(token, row.feedback_id) for row in rows for token in row.tok])


async def show(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Let posts be found again."""
    rows = await _set_standing(session, feedback_ids, is_hidden=False, is_repeat=False)
    await _write_tokens(session, _ADD, [(token, row.feedback_id) for row in rows for token in row.tok])


async def _set_standing(
    session: AsyncSession, feedback_ids: Sequence[UUID], *, is_hidden: bool, is_repeat: bool
) -> Collection[IndexedFeedback]:
    if not feedback_ids:
        return ()
    workspace = context_of(session).workspace
    await session.execute(insert(_ROWS).on_conflict_do_nothing(), [_unread(id, workspace) for id in feedback_ids])
    rows = await queries.lock_indexed(session, feedback_ids)
    for row in rows.values():
        row.is_hidden, row.is_repeat = is_hidden, is_repeat
    return rows.values()


async def repeats_of(session: AsyncSession, feedback_ids: Collection[UUID]) -> list[Repeat]:
    """Return those of some posts that others said before word for word about the same, in their order."""
    return await queries.repeats_of(session, feedback_ids)


async def forget(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Let go of what emptied posts said, and of words that nobody else said."""
    await index(session, feedback_ids)
    await session.flush()
    while await count_terms(session):
        pass


async def remove(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Take posts out of the index that are about to go; whoever asks holds them."""
    changes = _Changes()
    for row in (await queries.lock_indexed(session, feedback_ids)).values():
        changes.note(row, ())
        row.tok = []
    await session.flush()  # the rows go with their posts, by a statement that knows nothing of the session
    await changes.write(session)


def _unread(feedback_id: UUID, workspace: str) -> dict[str, object]:
    nothing = {
        "tok": [],
        "in_title": 0,
        "is_denial": False,
        "likeness": None,
        "is_hidden": False,
        "is_repeat": False,
        "engine": 0,
    }
    return {"feedback_id": feedback_id, "workspace": workspace} | nothing


def _likeness(one: Said) -> bytes | None:
    about = [one.area, *(str(one.attributes.get(name, "")) for name in PRODUCT)]
    return likeness(one.body, one.title, about=about)


def _write(row: IndexedFeedback, terms: Terms, alike: bytes | None, changes: _Changes) -> None:
    tokens = terms.all
    changes.note(row, tokens)
    row.tok = tokens
    row.in_title = terms.in_title
    row.is_denial = terms.is_denial
    row.likeness = alike
    row.engine = ENGINE


async def _write_tokens(session: AsyncSession, statement: TextClause, pairs: Sequence[tuple[str, UUID]]) -> None:
    if pairs:
        tokens, ids = map(list, zip(*pairs, strict=True))
        await session.execute(statement, {"workspace": context_of(session).workspace, "tokens": tokens, "ids": ids})


class _Changes:
    """What a batch adds and takes away."""

    def __init__(self) -> None:
        self._added: list[tuple[str, UUID]] = []
        self._removed: list[tuple[str, UUID]] = []
        self._counts: Counter[str] = Counter()

    def note(self, row: IndexedFeedback, tokens: Sequence[str]) -> None:
        """Note that a row gets other terms."""
        before, after = set(row.tok), set(tokens)
        if not row.is_repeat:
            self._added += [(token, row.feedback_id) for token in after - before]
            self._removed += [(token, row.feedback_id) for token in before - after]
        self._counts.update(after - before)
        self._counts.subtract(before - after)
        self._counts[ALL_POSTS] += bool(after) - bool(before)

    async def write(self, session: AsyncSession) -> None:
        """Write it all, and have the numbers added up."""
        workspace = context_of(session).workspace
        for statement, pairs in ((_REMOVE, self._removed), (_ADD, self._added)):
            await _write_tokens(session, statement, pairs)
        counts = {token: change for token, change in self._counts.items() if change}
        if counts:
            session.add(
                TokenDfChange(id=uuid7(), workspace=workspace, tokens=list(counts), changes=list(counts.values()))
            )
            await due.schedule(session, COUNT, "", clock_of(session).now() + COUNTED_AFTER)


async def count_terms(session: AsyncSession) -> bool:
    """Add up what batches changed; returns whether there may be more."""
    workspace = context_of(session).workspace
    found = (await session.execute(_COUNT, {"workspace": workspace, "limit": BATCHES_AT_ONCE})).one()
    if found.tokens:
        await session.execute(_FORGET_UNSAID, {"workspace": workspace, "tokens": found.tokens})
    return bool(found.batches == BATCHES_AT_ONCE)


async def terms_of(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return what some posts are found by."""
    return await queries.terms_of(session, feedback_ids)


async def rarity(session: AsyncSession, tokens: Collection[str]) -> Rarity:
    """Return how many of the workspace's posts have each term."""
    return await queries.rarity(session, tokens)


async def candidates(
    session: AsyncSession, tokens: Collection[str], known: Rarity, *, apart: UUID | None = None, limit: int
) -> list[Candidate]:
    """Return the posts that share most with some terms, looked for by the rarest of them; never the post `apart`."""
    weights: Mapping[str, float] = {token: known.weight(token) for token in probes(tokens, known)}
    return await queries.candidates(session, weights, apart=apart, limit=limit) if weights else []
