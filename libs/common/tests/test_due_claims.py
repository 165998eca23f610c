"""Claiming rows of a service's own delivery table: once each, fair between groups, freed when the owner is dead."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from opsloop_common.db import Context
from opsloop_common.due import claims
from opsloop_common.entry import enter_every_workspace, every_workspace_policy, row_level_security
from opsloop_common.testing.sample.service import SAMPLE

OWNER, OTHER = uuid4(), uuid4()


class Base(DeclarativeBase):
    pass


class Delivery(claims.DueColumns, Base):
    __tablename__ = "delivery"
    __table_args__ = claims.due_indexes("delivery")

    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True, default=uuid4)
    workspace: Mapped[str] = mapped_column(sa.Text)


@pytest_asyncio.fixture
async def database(make_database):
    made = await make_database(SAMPLE)
    engine = create_async_engine(made.url)
    async with engine.begin() as connection:
        await connection.execute(sa.schema.CreateTable(Delivery.__table__))
        for statement in claims.create_due_indexes("delivery"):
            await connection.execute(text(statement))
        for statement in [*row_level_security("delivery"), *every_workspace_policy("delivery")]:
            await connection.execute(text(statement))
        await connection.execute(text("GRANT ALL ON delivery TO sample_app"))
    await engine.dispose()
    return made


async def add(database, *groups, workspace="acme", priority=0, in_seconds=0):
    due_at = database.clock.now() + timedelta(seconds=in_seconds)
    async with database.transaction(Context(workspace)) as session:
        for place, group in enumerate(groups):
            session.add(
                Delivery(
                    workspace=workspace,
                    group_key=group,
                    priority=priority,
                    due_at=due_at - timedelta(microseconds=len(groups) - place - 1),
                )
            )


async def claim(database, *, owner=OWNER, limit=100, per_group=None):
    async with database.transaction() as session:
        return await claims.claim_batch(
            session, Delivery, now=database.clock.now(), owner=owner, limit=limit, per_group=per_group
        )


async def test_claims_what_is_due_in_every_workspace_by_priority(database):
    await add(database, "a")
    await add(database, "b", workspace="other", priority=5)
    await add(database, "c", in_seconds=1)

    rows = await claim(database)

    assert [(row.workspace, row.group_key, row.attempts, row.owner) for row in rows] == [
        ("other", "b", 1, OWNER),
        ("acme", "a", 1, OWNER),
    ]
    assert await claim(database, owner=OTHER) == []


async def test_a_request_sees_only_its_own_workspace(database):
    await add(database, "a")
    await add(database, "b", workspace="other")

    async with database.transaction(Context("acme")) as session:
        rows = (await session.scalars(sa.select(Delivery))).all()

    assert [row.workspace for row in rows] == ["acme"]


async def test_many_rows_are_one_statement(database):
    await add(database, *["a"] * 500)
    statements: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *a: statements.append(a[2]))

    rows = await claim(database, limit=500)

    assert len(rows) == 500
    assert [s.split()[0] for s in statements] == ["SELECT", "WITH"]


async def test_groups_take_turns_and_none_has_more_than_its_limit(database):
    await add(database, *["big"] * 20, "small", "small")

    first = await claim(database, limit=4, per_group=2)
    second = await claim(database, limit=4, per_group=2, owner=OTHER)

    assert sorted(row.group_key for row in first) == ["big", "big", "small", "small"]
    assert second == []
    async with database.transaction() as session:
        await enter_every_workspace(session)
        done = next(row.id for row in first if row.group_key == "big")
        await session.execute(sa.update(Delivery).where(Delivery.id == done).values(owner=None, due_at=None))
    third = await claim(database, limit=4, per_group=2)
    assert [row.group_key for row in third] == ["big"]


async def test_two_claimers_at_once_share_the_rows(database):
    await add(database, *[f"g{n % 7}" for n in range(200)])

    batches = await asyncio.gather(*(claim(database, limit=10, owner=uuid4()) for _ in range(30)))

    ids = [row.id for batch in batches for row in batch]
    assert len(ids) == len(set(ids)) == 200


async def test_claims_of_a_dead_owner_are_freed(database):
    await add(database, "a", "b")
    async with database.transaction() as session:
        await session.execute(
            text("INSERT INTO worker (id, instance) VALUES (:a, 'a'), (:b, 'b')"), {"a": OWNER, "b": OTHER}
        )
    mine = await claim(database, limit=1)
    await claim(database, limit=1, owner=OTHER)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE worker SET heartbeat_at = clock_timestamp() - interval '11 s' WHERE id = :id"), {"id": OWNER}
        )

    async with database.transaction() as session:
        assert await claims.release_dead_claims(session, "delivery") == 1
    assert [row.id for row in await claim(database)] == [row.id for row in mine]
    async with database.transaction() as session:
        assert await claims.release_dead_claims(session, "delivery", all=True, keep=uuid4()) == 2


async def test_a_claim_reads_what_it_takes_though_its_plan_was_made_while_the_queue_was_empty(database):
    await add(database, "a")
    await claim(database)
    async with database.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(
            text("VACUUM ANALYZE delivery")
        )
    for _ in range(10):  # then PostgreSQL keeps the plan
        await claim(database, per_group=3)
    await add(database, *[f"g{n % 7}" for n in range(3_000)])

    async with database.transaction() as session:
        now = database.clock.now()
        rows = await claims.claim_batch(session, Delivery, now=now, owner=OWNER, limit=100, per_group=3)
        read = await session.execute(
            text("SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'delivery'")
        )

    assert len(rows) == 7 * 3
    seq_scans, fetched = read.one()
    assert seq_scans == 0
    assert fetched < 300
