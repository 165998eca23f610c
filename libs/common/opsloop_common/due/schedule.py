"""Put work off to a time, in the transaction that causes it.

What a transaction schedules is written just before its COMMIT, all of it in one statement in sorted order, after the rows of its
own and before its events (`work`): a transaction that schedules work cannot deadlock with the handler that is doing it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.due.errors import ClaimLost
from opsloop_common.wakeups import DUE
from opsloop_common.work import Context, Part, Phase, UnitOfWork, clock_of, context_of, work_of

POLL_SECONDS = 2.0
"""So often the queue is looked at without a wake-up, and seen what becomes due before the next look."""

_INSERT = (
    "INSERT INTO due AS d (workspace, kind, key, due_at, payload, context, priority, group_key) "
    "SELECT * FROM unnest(CAST(:workspaces AS text[]), CAST(:kinds AS text[]), CAST(:keys AS text[]), "
    "CAST(:times AS timestamptz[]), CAST(:payloads AS jsonb[]), CAST(:contexts AS jsonb[]), "
    "CAST(:priorities AS integer[]), CAST(:groups AS text[])) "
    "ON CONFLICT (workspace, kind, key) DO UPDATE SET payload = excluded.payload, context = excluded.context, "
    # what was wished while a row is handled keeps its place when its handler, who did not know of that, puts the row off
    "priority = CASE WHEN d.owner IS NOT NULL AND d.again_at IS NOT NULL THEN greatest(d.priority, excluded.priority) "
    "ELSE excluded.priority END, group_key = excluded.group_key, status = 'waiting', "
    "attempts = CASE WHEN d.status = 'failed' THEN 0 ELSE d.attempts END, "
)
# least() passes over a null; a claimed row keeps its own time, which counts again should its owner die
_SCHEDULE_EARLIER = text(
    _INSERT + "due_at = CASE WHEN d.owner IS NOT NULL THEN d.due_at "
    "WHEN d.status = 'failed' THEN excluded.due_at ELSE least(d.due_at, excluded.due_at) END, "
    "again_at = CASE WHEN d.owner IS NOT NULL THEN least(d.again_at, excluded.due_at) END "
    # a busy key is scheduled again and again: what changes nothing writes nothing, yet holds the row until this commit,
    # so that its handler sees what this transaction did
    "WHERE d.status = 'failed' "
    "OR (d.payload, d.priority, d.group_key) IS DISTINCT FROM (excluded.payload, excluded.priority, excluded.group_key) "
    "OR CASE WHEN d.owner IS NULL THEN excluded.due_at < d.due_at ELSE d.again_at IS NULL OR excluded.due_at < d.again_at END"
)
_SCHEDULE_EXACTLY = text(
    _INSERT + "due_at = CASE WHEN d.owner IS NOT NULL THEN d.due_at ELSE excluded.due_at END, "
    "again_at = CASE WHEN d.owner IS NOT NULL THEN excluded.due_at END"
)
_CANCEL = text(
    "DELETE FROM due USING unnest(CAST(:workspaces AS text[]), CAST(:kinds AS text[]), CAST(:keys AS text[])) "
    "AS c(workspace, kind, key) WHERE due.workspace = c.workspace AND due.kind = c.kind AND due.key = c.key"
)
_DONE = text("DELETE FROM due WHERE id = :id AND owner = :owner AND again_at IS NULL RETURNING id")
_DONE_AND_AGAIN = text(
    "UPDATE due SET due_at = again_at, again_at = NULL, owner = NULL, claimed_at = NULL, attempts = 0, last_error = NULL, "
    "first_failed_at = NULL WHERE id = :id AND owner = :owner AND again_at IS NOT NULL RETURNING id"
)
_HOLD = text("SELECT id FROM due WHERE id = :id AND owner = :owner FOR SHARE")


class Claim(Part):
    """The claimed due row that a transaction works for."""

    phase = Phase.CLAIM

    id: int
    owner: UUID
    statements: tuple[TextClause, ...]

    def write(self, work: UnitOfWork) -> None:
        """Settle the claim, or raise ClaimLost."""
        of = {"id": self.id, "owner": self.owner}
        settled = next((statement for statement in self.statements if work.execute(statement, of).first()), None)
        if settled is None:
            raise ClaimLost(f"due row {self.id} is no longer claimed by this worker")
        if settled is _DONE_AND_AGAIN:
            work.fire_after_commit(DUE)


@dataclass(frozen=True)
class _Wish:
    due_at: datetime
    payload: dict[str, Any]
    context: Context
    priority: int
    group: str
    exactly: bool


class Wishes(Part):
    """What one transaction wants done later: the last word for each (workspace, kind, key); None cancels."""

    phase = Phase.DUE

    def __init__(self) -> None:
        self.of: dict[tuple[str, str, str], _Wish | None] = {}

    def write(self, work: UnitOfWork) -> None:
        """Delete what was cancelled, then write what was scheduled."""
        wishes = dict(sorted(self.of.items()))
        if cancelled := [identity for identity, wish in wishes.items() if wish is None]:
            workspaces, kinds, keys = map(list, zip(*cancelled, strict=True))
            work.execute(_CANCEL, {"workspaces": workspaces, "kinds": kinds, "keys": keys})
        for exactly, statement in ((False, _SCHEDULE_EARLIER), (True, _SCHEDULE_EXACTLY)):
            if rows := [(identity, wish) for identity, wish in wishes.items() if wish and wish.exactly is exactly]:
                work.execute(statement, _columns(rows))


async def schedule(
    session: AsyncSession,
    kind: str,
    key: str,
    due_at: datetime,
    *,
    payload: dict[str, Any] | None = None,
    priority: int = 0,
    group: str | None = None,
    replace: bool = False,
) -> None:
    """Have `kind` handled for `key` at `due_at`, in the session's workspace, if its transaction commits.

    One row stands for (workspace, kind, key). A waiting row moves to the earlier of both times, or exactly to `due_at` with
    `replace`; payload, priority and group are the newest, its cause is what the session that changed it last works
    for (`acting_for`). A row that is being handled right now runs again afterwards, with the highest priority of those who
    wished for that. `payload` is JSON. Higher priority first.
    Not inside a savepoint.
    """
    work, context = work_of(session), context_of(session)
    wishes = work.part(Wishes).of
    identity = (context.workspace, kind, key)
    wish = _Wish(due_at, payload or {}, context, priority, group or "", replace)
    if identity in wishes:
        wish = _combine(wishes[identity], wish)
    wishes[identity] = wish
    if (due_at - clock_of(session).now()).total_seconds() <= POLL_SECONDS:
        work.fire_after_commit(DUE)


def _combine(before: _Wish | None, now: _Wish) -> _Wish:
    """Return what two wishes of one transaction come to; a cancelled row (None) is replaced exactly."""
    if before is None:
        return replace(now, exactly=True)
    if now.exactly:
        return now
    return replace(now, due_at=min(before.due_at, now.due_at), exactly=before.exactly)


async def cancel(session: AsyncSession, kind: str, key: str) -> None:
    """Forget the row of `kind` and `key` if the transaction commits; a handler at work on it then has no effect."""
    work_of(session).part(Wishes).of[(context_of(session).workspace, kind, key)] = None


def finish_with(session: AsyncSession, id: int, owner: UUID) -> None:
    """Take the claimed row away with the session's transaction; its commit raises ClaimLost when the claim is gone."""
    _claim(session, id, owner, _DONE, _DONE_AND_AGAIN)


def hold_claim(session: AsyncSession, id: int, owner: UUID) -> None:
    """Let the session's transaction commit only while the claim holds; raises ClaimLost otherwise."""
    _claim(session, id, owner, _HOLD)


def _claim(session: AsyncSession, id: int, owner: UUID, *statements: TextClause) -> None:
    claim = work_of(session).part(Claim)
    claim.id, claim.owner, claim.statements = id, owner, statements


def _columns(rows: list[tuple[tuple[str, str, str], _Wish]]) -> dict[str, list[Any]]:
    return {
        "workspaces": [identity[0] for identity, _ in rows],
        "kinds": [identity[1] for identity, _ in rows],
        "keys": [identity[2] for identity, _ in rows],
        "times": [wish.due_at for _, wish in rows],
        "payloads": [orjson.dumps(wish.payload).decode() for _, wish in rows],
        "contexts": [orjson.dumps(wish.context.cause()).decode() for _, wish in rows],
        "priorities": [wish.priority for _, wish in rows],
        "groups": [wish.group for _, wish in rows],
    }
