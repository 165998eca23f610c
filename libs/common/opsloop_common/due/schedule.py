"""Put work off to a time, in the transaction that causes it.

What a transaction schedules is written just before its COMMIT, after the outbox, all of it in one statement in sorted order.
So its row locks are held for a moment only, and always taken last: a transaction that schedules work cannot deadlock with the
handler that is doing that same work.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import event as sa_event
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from opsloop_common.db import Context, UnitOfWork, context_of
from opsloop_common.due.errors import ClaimLost
from opsloop_common.outbox import append as _outbox  # its hook before COMMIT must come first: imported for that
from opsloop_common.wakeups import DUE, fire_after_commit

_COMES_FIRST = _outbox

_PENDING = "due"
_CLAIM = "due_claim"

_INSERT = (
    "INSERT INTO due AS d (workspace, kind, key, due_at, payload, context, priority, group_key) "
    "SELECT * FROM unnest(CAST(:workspaces AS text[]), CAST(:kinds AS text[]), CAST(:keys AS text[]), "
    "CAST(:times AS timestamptz[]), CAST(:payloads AS jsonb[]), CAST(:contexts AS jsonb[]), "
    "CAST(:priorities AS integer[]), CAST(:groups AS text[])) "
    "ON CONFLICT (workspace, kind, key) DO UPDATE SET payload = excluded.payload, context = excluded.context, "
    "priority = excluded.priority, group_key = excluded.group_key, status = 'waiting', "
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


@dataclass(frozen=True)
class _Claim:
    id: int
    owner: UUID
    finish: bool


@dataclass(frozen=True)
class _Wish:
    due_at: datetime
    payload: dict[str, Any]
    context: Context
    priority: int
    group: str
    exactly: bool


@dataclass
class _Pending:
    """What one transaction wants: the last word for each (workspace, kind, key); None cancels."""

    wishes: dict[tuple[str, str, str], _Wish | None] = field(default_factory=dict)


def _pending(session: AsyncSession) -> _Pending:
    if session.in_nested_transaction():
        raise RuntimeError("schedule and cancel outside savepoints")
    if not session.in_transaction():
        session.sync_session.begin()
    pending: _Pending = session.info.setdefault(_PENDING, _Pending())
    return pending


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
    context: Context | None = None,
) -> None:
    """Have `kind` handled for `key` at `due_at`, in the session's workspace, if its transaction commits.

    One row stands for (workspace, kind, key). A waiting row moves to the earlier of both times, or exactly to `due_at` with
    `replace`; payload, priority and group are the newest, its cause is the one that gave it its time. A row that is being
    handled right now runs again afterwards. `payload` is JSON. Higher priority first. `context` stands in for the session's
    own when one transaction works through several causes. Not inside a savepoint.
    """
    context = context or context_of(session)
    wishes = _pending(session).wishes
    identity = (context.workspace, kind, key)
    wish = _Wish(due_at, payload or {}, context, priority, group or "", replace)
    if identity in wishes:
        wish = _combine(wishes[identity], wish)
    wishes[identity] = wish
    fire_after_commit(session, DUE)


def _combine(before: _Wish | None, now: _Wish) -> _Wish:
    """Return what two wishes of one transaction come to; a cancelled row (None) is replaced exactly."""
    if before is None:
        return replace(now, exactly=True)
    if now.exactly:
        return now
    return replace(now, due_at=min(before.due_at, now.due_at), exactly=before.exactly)


async def cancel(session: AsyncSession, kind: str, key: str) -> None:
    """Forget the row of `kind` and `key` if the transaction commits; a handler at work on it then has no effect."""
    _pending(session).wishes[(context_of(session).workspace, kind, key)] = None


def finish_with(session: AsyncSession, id: int, owner: UUID) -> None:
    """Take the claimed row away with the session's transaction; its commit raises ClaimLost when the claim is gone."""
    session.info[_CLAIM] = _Claim(id, owner, True)


def hold_claim(session: AsyncSession, id: int, owner: UUID) -> None:
    """Let the session's transaction commit only while the claim holds; raises ClaimLost otherwise."""
    session.info[_CLAIM] = _Claim(id, owner, False)


@sa_event.listens_for(UnitOfWork, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction():
        return
    claim: _Claim | None = session.info.pop(_CLAIM, None)
    pending: _Pending | None = session.info.pop(_PENDING, None)
    if claim is None and pending is None:
        return
    session.flush()
    if claim is not None:
        _settle(session, claim)
    if pending is None:
        return
    wishes = dict(sorted(pending.wishes.items()))
    if cancelled := [identity for identity, wish in wishes.items() if wish is None]:
        workspaces, kinds, keys = map(list, zip(*cancelled, strict=True))
        session.execute(_CANCEL, {"workspaces": workspaces, "kinds": kinds, "keys": keys})
    for exactly, statement in ((False, _SCHEDULE_EARLIER), (True, _SCHEDULE_EXACTLY)):
        if rows := [(identity, wish) for identity, wish in wishes.items() if wish and wish.exactly is exactly]:
            session.execute(statement, _columns(rows))


def _settle(session: Session, claim: _Claim) -> None:
    of = {"id": claim.id, "owner": claim.owner}
    statements = (_DONE, _DONE_AND_AGAIN) if claim.finish else (_HOLD,)
    if not any(session.execute(statement, of).first() for statement in statements):
        raise ClaimLost(f"due row {claim.id} is no longer claimed by this worker")


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


@sa_event.listens_for(UnitOfWork, "after_rollback")
def _forget(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint was rolled back, the transaction goes on
        return
    session.info.pop(_PENDING, None)
    session.info.pop(_CLAIM, None)
