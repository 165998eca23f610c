"""What the due runner asks of the table `due`: claim many rows, record a failure, give claims back, look ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import Context
from opsloop_common.due.claims import TAKE_TURNS, in_turn, plan_by_index
from opsloop_common.due.kinds import DueKind, DueRow

_CLAIMED = (
    "UPDATE due SET owner = :owner, claimed_at = :now, attempts = attempts + 1 "
    # an array: joined, the planner may read the whole table for the few rows
    "WHERE id = ANY(ARRAY(SELECT id FROM picked)) "
    "RETURNING id, workspace, kind, key, payload, context, priority, group_key, due_at, attempts"
)
_WAITING = "owner IS NULL AND status = 'waiting' AND due_at <= :now"

# Which priorities wait, kind by kind: a loose index scan, so its cost grows with their number, not with the rows'.
_LEVELS = """
    levels AS (
        SELECT k.kind, k.room, (SELECT max(priority) FROM due
            WHERE due.kind = k.kind AND owner IS NULL AND status = 'waiting') AS priority
        FROM unnest(CAST(:kinds AS text[]), CAST(:limits AS integer[])) AS k(kind, room)
        UNION ALL
        SELECT l.kind, l.room, (SELECT max(priority) FROM due
            WHERE due.kind = l.kind AND owner IS NULL AND status = 'waiting' AND due.priority < l.priority)
        FROM levels AS l WHERE l.priority IS NOT NULL)"""
_IN_TURN = in_turn(
    "due",
    "SELECT kind AS key, room, share FROM unnest(CAST(:kinds AS text[]), CAST(:limits AS integer[]), "
    "CAST(:shares AS integer[])) AS k(kind, room, share)",
    outer="kind",
    inner="workspace",
    waiting="owner IS NULL AND status = 'waiting'",
    room="space.share - coalesce(held.count, 0)",
    held="LEFT JOIN held ON held.kind = space.key AND held.workspace = line.key",
)
# one statement for all kinds, however many rows; what is locked beyond a kind's room is free again at the commit
_CLAIM = text(
    f"""
    WITH RECURSIVE {_LEVELS},
    locked AS MATERIALIZED (
        SELECT d.*, l.kind, l.room FROM levels AS l
        CROSS JOIN LATERAL (SELECT id, priority, due_at FROM due
            WHERE due.kind = l.kind AND due.priority = l.priority AND {_WAITING}
            ORDER BY due_at LIMIT l.room FOR UPDATE SKIP LOCKED) AS d),
    picked AS MATERIALIZED (
        SELECT id FROM (SELECT id, room, row_number() OVER (PARTITION BY kind ORDER BY priority DESC, due_at) AS place
            FROM locked) AS ranked WHERE place <= room)
    {_CLAIMED}"""  # noqa: S608 constants
)
# workspaces take turns, kind by kind; a loose index scan, so its cost grows with the workspaces that have rows of the kind
_CLAIM_IN_TURN = text(
    f"""
    WITH held AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:held_kinds AS text[]), CAST(:held_workspaces AS text[]), CAST(:held_counts AS integer[]))
            AS h(kind, workspace, count)),
    picked AS MATERIALIZED ({_IN_TURN})
    {_CLAIMED}"""  # noqa: S608 constants
)
# groups take turns; rows without a group are held by no group's limit
_CLAIM_GROUPED = text(
    f"""
    WITH RECURSIVE groups AS (
        (SELECT group_key FROM due WHERE kind = :kind AND {_WAITING} AND group_key <> '' ORDER BY group_key LIMIT 1)
        UNION ALL
        SELECT (SELECT group_key FROM due WHERE kind = :kind AND {_WAITING} AND group_key <> ''
                AND group_key > groups.group_key ORDER BY group_key LIMIT 1)
        FROM groups WHERE groups.group_key IS NOT NULL),
    candidates AS (
        (SELECT first.* FROM groups CROSS JOIN LATERAL (
            SELECT id, priority, due_at, row_number() OVER (ORDER BY priority DESC, due_at) AS place
            FROM due WHERE kind = :kind AND {_WAITING} AND group_key <> '' AND group_key = groups.group_key
            ORDER BY priority DESC, due_at
            LIMIT greatest(0, :per_group - (SELECT count(*) FROM due
                WHERE owner IS NOT NULL AND kind = :kind AND group_key = groups.group_key))) AS first)
        UNION ALL
        (SELECT id, priority, due_at, 1 FROM due WHERE kind = :kind AND {_WAITING} AND group_key = ''
         ORDER BY priority DESC, due_at LIMIT :room)),
    picked AS MATERIALIZED (
        SELECT id FROM due
        WHERE id = ANY(ARRAY(SELECT id FROM candidates ORDER BY priority DESC, place, due_at LIMIT :room)) AND {_WAITING}
        FOR UPDATE SKIP LOCKED)
    {_CLAIMED}"""  # noqa: S608 constants
)

_NEXT = text(
    f"""
    WITH RECURSIVE {_LEVELS}
    SELECT min(d.due_at) FROM levels AS l CROSS JOIN LATERAL (SELECT due_at FROM due
        WHERE due.kind = l.kind AND due.priority = l.priority AND owner IS NULL AND status = 'waiting' AND due_at > :now
        ORDER BY due_at LIMIT 1) AS d"""  # noqa: S608 constants
)
# scheduled again in the meantime: a last failure is then not the end
_FAIL = text(
    "UPDATE due SET owner = NULL, claimed_at = NULL, last_error = :error, "
    "first_failed_at = coalesce(first_failed_at, :failed_at), "
    "status = CASE WHEN :last AND again_at IS NULL THEN 'failed' ELSE 'waiting' END, "
    "due_at = CASE WHEN :last THEN coalesce(again_at, due_at) ELSE :retry_at END, "
    "again_at = CASE WHEN NOT :last THEN again_at END, "
    "attempts = CASE WHEN :last AND again_at IS NOT NULL THEN 0 ELSE :attempts END "
    "WHERE id = :id AND owner = :owner RETURNING status"
)


@dataclass(frozen=True)
class DueItem:
    """A claimed row and what caused it."""

    row: DueRow
    cause: Mapping[str, Any]

    @property
    def id(self) -> int:
        """Return the row's id."""
        return self.row.id

    @property
    def kind(self) -> str:
        """Return the row's kind."""
        return self.row.kind

    @property
    def workspace(self) -> str:
        """Return the row's workspace."""
        return self.row.workspace

    @property
    def group(self) -> str:
        """Return the row's kind: a workspace's rows of one kind stand in one line."""
        return self.row.kind

    def context(self) -> Context:
        """Return the context that the row is handled in."""
        return Context.following(self.row.workspace, self.cause)


def _item(row: Row[Any]) -> DueItem:
    return DueItem(
        DueRow(
            id=row.id,
            workspace=row.workspace,
            kind=row.kind,
            key=row.key,
            payload=row.payload,
            priority=row.priority,
            group=row.group_key,
            due_at=row.due_at,
            attempts=row.attempts,
        ),
        row.context,
    )


async def claim_due(
    session: AsyncSession, room: Sequence[tuple[DueKind, int]], *, now: datetime, owner: UUID
) -> list[DueItem]:
    """Claim up to so many due rows of each kind, most urgent first: one statement, and one more per kind with a group limit."""
    rows: list[Row[Any]] = []
    plain = [(kind.name, limit) for kind, limit in room if kind.per_group is None and limit > 0]
    if plain:
        parameters = {"kinds": [n for n, _ in plain], "limits": [n for _, n in plain], "now": now, "owner": owner}
        rows += (await session.execute(_CLAIM, parameters)).all()
    for kind, limit in room:
        if kind.per_group is None or limit <= 0:
            continue
        # counting a group and claiming from it must not interleave with another worker's
        await plan_by_index(session, TAKE_TURNS, name=f"due {kind.name}")
        grouped = {"kind": kind.name, "room": limit, "per_group": kind.per_group, "now": now, "owner": owner}
        rows += (await session.execute(_CLAIM_GROUPED, grouped)).all()
    return _sorted(rows)


@dataclass(frozen=True)
class Turns:
    """How many rows of a kind to claim, how many of each workspace, and what counts against that already."""

    kind: DueKind
    most: int
    share: int
    taken: Mapping[str, int]


async def claim_due_in_turn(
    session: AsyncSession, turns: Sequence[Turns], *, now: datetime, owner: UUID
) -> list[DueItem]:
    """Claim due rows of kinds of which more is due than there is room for: workspaces take turns, in one statement.

    `claim_due` takes whatever has been due for longest, however much of it is one workspace's.
    """
    if not turns:
        return []
    taken = [(turn.kind.name, workspace, count) for turn in turns for workspace, count in turn.taken.items()]
    given = {
        "kinds": [turn.kind.name for turn in turns],
        "limits": [turn.most for turn in turns],
        "shares": [turn.share for turn in turns],
        "held_kinds": [kind for kind, _, _ in taken],
        "held_workspaces": [workspace for _, workspace, _ in taken],
        "held_counts": [count for _, _, count in taken],
        "limit": sum(turn.most for turn in turns),
    }
    rows = (await session.execute(_CLAIM_IN_TURN, given | {"now": now, "owner": owner})).all()
    return _sorted(rows)


def _sorted(rows: Sequence[Row[Any]]) -> list[DueItem]:
    return sorted(map(_item, rows), key=lambda item: (-item.row.priority, item.row.due_at, item.row.id))


async def next_due_at(session: AsyncSession, kinds: Sequence[DueKind], *, after: datetime) -> datetime | None:
    """Return when the next row of `kinds` becomes due after a time, or None."""
    found: datetime | None = await session.scalar(
        _NEXT, {"kinds": [kind.name for kind in kinds], "limits": [1] * len(kinds), "now": after}
    )
    return found


async def record_failure(
    session: AsyncSession,
    row: DueRow,
    *,
    owner: UUID,
    error: str,
    attempts: int,
    retry_at: datetime | None,
    failed_at: datetime | None = None,
) -> str | None:
    """Record a failed try: again at `retry_at`, or never when that is None. Returns the row's status, None when it is another's.

    `failed_at` None: it only waits for the database, nothing is wrong with it.
    """
    status: str | None = await session.scalar(
        _FAIL,
        {
            "id": row.id,
            "owner": owner,
            "error": error,
            "attempts": attempts,
            "last": retry_at is None,
            "retry_at": retry_at,
            "failed_at": failed_at,
        },
    )
    return status
