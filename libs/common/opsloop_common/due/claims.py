"""Claim rows that are due, for services that keep deliveries in tables of their own (webhooks, mails).

A model takes `DueColumns`; its migration takes `due_columns()`, `due_indexes()` and, because an engine works for all
workspaces, `every_workspace_policy()` beside `row_level_security()`. Claim, do the work outside a transaction, and record many results with
one statement that touches only rows which the owner still holds. A claim ends with its owner's heartbeat (`workers`).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from opsloop_common.entry import enter_every_workspace

HEARTBEAT_LIMIT_SECONDS = 10
TAKE_TURNS = "pg_advisory_xact_lock(hashtext(:name))"
PLANNED_BY_INDEX = {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"}
"""Settings for statements on queues. PostgreSQL keeps a plan for as long as a table's statistics: one that was made over an empty queue
reads all of it and sorts, step by step, until somebody has analysed the long one: 187 ms for a claim of 26 rows out of 50,000."""


class DueColumns:
    """Columns of a table whose rows are due at times. `due_at` null: nothing more to do."""

    due_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    priority: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    group_key: Mapped[str] = mapped_column(sa.Text, server_default=text("''"), default="")
    owner: Mapped[UUID | None] = mapped_column(sa.Uuid)
    claimed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    last_error: Mapped[str | None] = mapped_column(sa.Text)


ModelT = TypeVar("ModelT", bound=DueColumns)


def due_columns() -> list[sa.Column[Any]]:
    """Return the columns of DueColumns, for `op.create_table`."""
    return [
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("priority", sa.Integer, nullable=False, server_default=text("0")),
        sa.Column("group_key", sa.Text, nullable=False, server_default=text("''")),
        sa.Column("owner", sa.Uuid),
        sa.Column("claimed_at", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=text("0")),
        sa.Column("last_error", sa.Text),
    ]


def due_indexes(table: str) -> tuple[sa.Index, ...]:
    """Return the indexes that claiming needs, for the model's `__table_args__`."""
    return (
        sa.Index(
            f"ix_{table}_turns",
            "workspace",
            "group_key",
            text("priority DESC"),
            "due_at",
            postgresql_where=text("owner IS NULL AND due_at IS NOT NULL"),
        ),
        sa.Index(f"ix_{table}_due_at", "due_at", postgresql_where=text("owner IS NULL AND due_at IS NOT NULL")),
        sa.Index(f"ix_{table}_claimed", "group_key", postgresql_where=text("owner IS NOT NULL")),
    )


def create_due_indexes(table: str) -> list[str]:
    """Return the statements that make `due_indexes(table)`, for the migration."""
    waiting = "WHERE owner IS NULL AND due_at IS NOT NULL"
    return [
        f'CREATE INDEX ix_{table}_turns ON "{table}" (workspace, group_key, priority DESC, due_at) {waiting}',
        f'CREATE INDEX ix_{table}_due_at ON "{table}" (due_at) {waiting}',
        f'CREATE INDEX ix_{table}_claimed ON "{table}" (group_key) WHERE owner IS NOT NULL',
    ]


_WAITING = "owner IS NULL AND due_at IS NOT NULL"


def in_turn(
    table: str, spaces: str, *, outer: str, inner: str, room: str, held: str = "", waiting: str = _WAITING
) -> str:
    """Return a SELECT of the ids of due rows, locked, that lines of `table` give in turn, for the WITH of a claim.

    `spaces` selects the `key`s of column `outer` (workspaces, or kinds) and how much `room` each has. Within one the values of
    column `inner` are its lines, from a loose index scan: the cost grows with lines, not with the backlog of one. A line gives
    as many rows as the expression `room` says of `line.key` and `space`, which may look at a join `held`. Binds `:now`, `:limit`.

    Each step compares whole rows and orders by the index's columns from the first: told of an equality, the planner sorted a
    workspace's backlog for each step (2 s instead of 56 ms, with 20,000 rows in 1,000 lines).
    """
    return f"""
        SELECT taken.id FROM ({spaces}) AS space CROSS JOIN LATERAL (
            WITH RECURSIVE line AS (
                (SELECT {inner} AS key FROM "{table}" WHERE {waiting} AND {outer} = space.key
                 ORDER BY {outer}, {inner} LIMIT 1)
                UNION ALL
                SELECT next.key FROM line CROSS JOIN LATERAL (SELECT {outer} AS space, {inner} AS key FROM "{table}"
                    WHERE {waiting} AND ({outer}, {inner}) > (space.key, line.key) ORDER BY {outer}, {inner} LIMIT 1) AS next
                WHERE next.space = space.key),
            shuffled AS (SELECT line.key, greatest(0, {room}) AS room FROM line {held} ORDER BY random())
            SELECT first.id FROM shuffled CROSS JOIN LATERAL (
                SELECT id FROM "{table}" WHERE {waiting} AND due_at <= :now AND {outer} = space.key AND {inner} = shuffled.key
                ORDER BY {outer}, {inner}, priority DESC, due_at LIMIT shuffled.room FOR UPDATE SKIP LOCKED) AS first
            LIMIT space.room) AS taken
        LIMIT :limit"""  # noqa: S608 names of ours


def workspaces_in_turn(table: str) -> str:
    """Return `spaces` for `in_turn`: the workspaces with rows in `table`, but those in `:full`, `:share` rows each."""
    return f"""
        WITH RECURSIVE found AS (
            (SELECT workspace AS key FROM "{table}" WHERE {_WAITING} ORDER BY workspace LIMIT 1)
            UNION ALL
            SELECT (SELECT workspace FROM "{table}" WHERE {_WAITING} AND workspace > found.key ORDER BY workspace LIMIT 1)
            FROM found WHERE found.key IS NOT NULL)
        SELECT key, CAST(:share AS integer) AS room FROM found
        WHERE key IS NOT NULL AND NOT key = ANY(CAST(:full AS text[])) ORDER BY random()"""  # noqa: S608 a table's name


def _picked(table: str, per_group: int | None) -> str:
    if per_group is None:
        return (
            f'SELECT id FROM "{table}" WHERE owner IS NULL AND due_at <= :now ORDER BY priority DESC, due_at LIMIT :limit '  # noqa: S608 a table's name
            "FOR UPDATE SKIP LOCKED"
        )
    claimed = f'SELECT count(*) FROM "{table}" WHERE owner IS NOT NULL AND group_key = line.key'  # noqa: S608 a table's name
    spaces = workspaces_in_turn(table)
    return in_turn(table, spaces, outer="workspace", inner="group_key", room=f":per_group - ({claimed})")


async def plan_by_index(session: AsyncSession, *more: str, **parameters: object) -> None:
    """Have the rest of the transaction's statements read queues by their indexes; `more` is selected in the same round trip."""
    settings = [f"set_config('{name}', '{value}', true)" for name, value in PLANNED_BY_INDEX.items()]
    await session.execute(text(f"SELECT {', '.join([*more, *settings])}"), parameters)


async def enter_queues(session: AsyncSession) -> None:
    """Enter every workspace, for statements on what is claimed in queues, however long they are."""
    await enter_every_workspace(session)
    await plan_by_index(session)


async def claim_batch(
    session: AsyncSession,
    model: type[ModelT],
    *,
    now: datetime,
    owner: UUID,
    limit: int,
    per_group: int | None = None,
    share: int | None = None,
    full: Collection[str] = (),
) -> Sequence[ModelT]:
    """Claim up to `limit` rows of `model` that are due, highest priority first, for the worker `owner`.

    One statement. Rows that another transaction is claiming are passed over. With `per_group` no group ever has more claimed
    rows, over all workers, and workspaces and their groups take turns, so that a long queue of one does not hold up the others:
    `share` rows of a workspace, none of one that is `full`. Each claim counts one attempt. Commit before doing the work. The
    model's primary key is `id`.
    """
    await enter_every_workspace(session)
    table: str = model.__tablename__  # type: ignore[attr-defined]
    parameters: dict[str, Any] = {"now": now, "limit": limit}
    if per_group is not None:
        # claims take turns: counting and claiming a group must not interleave with another worker's
        await plan_by_index(session, TAKE_TURNS, name=f"claim {table}")
        parameters |= {"per_group": per_group, "share": limit if share is None else share, "full": list(full)}
    ids = text(_picked(table, per_group)).bindparams(**parameters).columns(sa.column("id", sa.Uuid)).cte("picked")
    key: Any = model.id  # type: ignore[attr-defined]
    statement = (
        sa.update(model)
        # an array: joined, the planner may read the whole table for the few rows
        .where(key == sa.any_(sa.func.array(sa.select(ids.c.id).scalar_subquery())))
        .values(owner=owner, claimed_at=now, attempts=model.attempts + 1)
        .returning(model)
        .execution_options(synchronize_session=False)
    )
    rows = (await session.scalars(statement)).all()
    return sorted(rows, key=lambda row: (-row.priority, row.due_at))


async def release_dead_claims(session: AsyncSession, *tables: str, all: bool = False, keep: UUID | None = None) -> int:
    """Free the claims, in `tables`, of owners without a heartbeat for 10 s, or `all` but `keep`'s; returns how many.

    `all` is for a process that knows itself to be the only one.
    """
    await enter_queues(session)
    freed = 0
    condition = (
        "owner IS DISTINCT FROM :keep"
        if all
        else "NOT EXISTS (SELECT FROM worker AS w WHERE w.id = owner "
        f"AND w.heartbeat_at > clock_timestamp() - interval '{HEARTBEAT_LIMIT_SECONDS} seconds')"
    )
    parameters: Mapping[str, Any] = {"keep": keep} if all else {}
    for table in tables:
        result = await session.execute(
            text(
                f'UPDATE "{table}" SET owner = NULL, claimed_at = NULL WHERE owner IS NOT NULL AND {condition} '  # noqa: S608 a table's name
                "RETURNING 1"
            ),
            parameters,
        )
        freed += len(result.all())
    return freed


async def release_own_claims(
    session: AsyncSession,
    *tables: str,
    owner: UUID,
    before: datetime | None = None,
    known: Collection[Hashable] = (),
) -> int:
    """Give back what `owner` holds in `tables`, the try not counted, and return how many rows that was.

    With `before`, claims older than that only; never those of the ids that are `known` to be at work.
    """
    await enter_queues(session)
    freed = 0
    for table in tables:
        result = await session.execute(
            text(
                f'UPDATE "{table}" SET owner = NULL, claimed_at = NULL, attempts = greatest(attempts - 1, 0) '  # noqa: S608 a table's name
                "WHERE owner = :owner AND (CAST(:before AS timestamptz) IS NULL OR claimed_at <= :before) "
                "AND NOT CAST(id AS text) = ANY(CAST(:known AS text[])) RETURNING 1"
            ),
            {"owner": owner, "before": before, "known": [str(id) for id in known]},
        )
        freed += len(result.all())
    return freed


async def give_back(
    session: AsyncSession, table: str, *, id: Hashable, owner: UUID, until: datetime | None = None
) -> None:
    """Give up a claim on a row of `table`, the try not counted: it is due again at once, or `until` then not."""
    await enter_queues(session)
    await session.execute(
        text(
            f'UPDATE "{table}" SET owner = NULL, claimed_at = NULL, attempts = greatest(attempts - 1, 0), '  # noqa: S608 a table's name
            "due_at = coalesce(CAST(:until AS timestamptz), due_at) WHERE id = :id AND owner = :owner"
        ),
        {"id": id, "owner": owner, "until": until},
    )


async def set_aside(session: AsyncSession, table: str, *, id: Hashable, owner: UUID, ended: str, error: str) -> None:
    """Give up a claim on a row of `table` of which nothing can be recorded: it stays, `ended`, until somebody looks after it."""
    await enter_queues(session)
    await session.execute(
        text(
            f'UPDATE "{table}" SET owner = NULL, claimed_at = NULL, last_error = :error, {ended} '  # noqa: S608 names of ours
            "WHERE id = :id AND owner = :owner"
        ),
        {"id": id, "owner": owner, "error": error},
    )
