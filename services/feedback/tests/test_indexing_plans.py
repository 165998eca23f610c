"""Posts are found through indexes alone, under row-level security, however many there are and whatever neighbours have."""

from uuid import UUID

import pytest
from sqlalchemy import event, text

from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.indexing import queries, service
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.search import service as search

ACME = Context(workspace="acme")
POSTS = 4_000
FILL = (
    "INSERT INTO feedback (id, workspace, status, body, kind, severity, sentiment, triage, channel, source, author_verified, tags, "
    "attributes, occurred_at, created_at, updated_at, search_text, affected_users) SELECT id, :workspace, 'new', 'x', 'other', 's4', 0, "
    "'{}', 'api', 'bench', true, '{}', '{}', now(), now(), now(), 'x', 1 FROM unnest(CAST(:ids AS uuid[])) AS id"
)
INDEX = (
    "INSERT INTO indexed_feedback (feedback_id, workspace, tok, in_title, is_denial, is_hidden, is_repeat, engine) "
    "SELECT id, :workspace, ARRAY['=crash', 'rare' || at % 100], 0, false, false, false, 1 "
    "FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS x(id, at)"
)
TOKENS = (
    "INSERT INTO feedback_token (workspace, token, feedback_id) SELECT workspace, unnest(tok), feedback_id FROM indexed_feedback "
    "WHERE workspace = :workspace"
)


async def fill(desk, workspace):
    ids = [uuid7() for _ in range(POSTS)]
    async with desk.api.db.transaction(Context(workspace=workspace)) as session:
        for statement in (FILL, INDEX, TOKENS):
            given = {"workspace": workspace} | ({"ids": ids} if ":ids" in statement else {})
            await session.execute(text(statement), given)
    return ids


@pytest.fixture
async def filled(desk):
    ids = await fill(desk, "acme")
    await fill(desk, "neighbour")
    async with desk.api.db.transaction(ACME) as session:
        await session.execute(text("SET LOCAL role NONE"))
        await session.execute(text("ANALYZE feedback, indexed_feedback, feedback_token"))
    return ids


async def plan(session, statement, given=None):
    """Return the plan of a statement as the role that serves requests runs it."""
    explained = await session.execute(text(f"EXPLAIN {statement}"), given or {})
    return "\n".join(line for (line,) in explained)


async def test_candidates_come_from_the_keys_alone(desk, filled):
    given = {"workspace": "acme", "tokens": ["=crash", "rare7"], "weights": [1.0, 2.0]}
    given |= {"most": 2_000, "considered": 400, "apart": None, "limit": 50}

    async with desk.api.db.transaction(ACME) as session:
        found = await plan(session, queries._CANDIDATES.text, given)

    assert "Seq Scan" not in found
    assert "pk_feedback_token" in found
    assert "pk_indexed_feedback" in found


async def test_search_follows_the_rarest_term_from_the_newest_on(desk, filled):
    async with desk.api.db.transaction(ACME) as session:
        narrowed = await service.having_all(session, items.matching(Filters()), Feedback.id, ["=crash", "rare7"])
        ordered = narrowed.order_by(*service.NEWEST_HAVING_FIRST).limit(51)
        found = (await session.scalars(ordered)).all()
        compiled = ordered.compile(bind=session.bind.sync_engine, compile_kwargs={"literal_binds": True})
        explained = await plan(session, str(compiled))

    assert [one.id for one in found] == sorted((one.id for one in found), reverse=True)
    assert len(found) == POSTS // 100
    assert "Seq Scan on feedback_token" not in explained


async def test_repeats_are_looked_up_by_what_they_have_in_common(desk, filled):
    given = {"workspace": "acme", "ids": filled[:200]}

    async with desk.api.db.transaction(ACME) as session:
        await session.execute(text("UPDATE indexed_feedback SET likeness = sha256(CAST(feedback_id AS text)::bytea)"))
        found = await plan(session, queries._REPEATS.text, given)
        assert len(await queries.repeats_of(session, filled[:200])) == 0

    assert found.count("ix_indexed_feedback_likeness") >= 2
    assert "Seq Scan" not in found


async def test_a_similar_post_takes_few_statements_however_many_posts_there_are(desk, filled):
    seen: list[str] = []

    def note(connection, cursor, statement, *rest):
        seen.append(statement)

    async with desk.api.db.transaction(ACME) as session:
        engine = session.bind.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            known = await service.rarity(session, ["=crash", "rare7"])
            found = await service.candidates(session, ["=crash", "rare7"], known, limit=50)
        finally:
            event.remove(engine, "before_cursor_execute", note)

    assert len(found) == 50
    assert len(seen) <= 3
    assert all(isinstance(one.feedback_id, UUID) for one in found)


async def test_neighbours_posts_are_neither_found_nor_counted(desk, filled):
    async with desk.api.db.transaction(Context(workspace="third")) as session:
        known = await service.rarity(session, ["=crash"])
        assert await service.candidates(session, ["=crash"], known, limit=50) == []
        asked = await search.search(session, "crash", Filters())
        assert asked is not None
        assert (await session.scalars(asked.statement)).all() == []
