"""The audit log: who changed what, written in the transaction that changes it, never changed itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam, event, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from opsloop_common.access.tables import audit
from opsloop_common.db import UnitOfWork, clock_of, context_of
from opsloop_common.ids import uuid7

_PENDING = "audit"
_INSERT = insert(audit).values({column.name: bindparam(column.name) for column in audit.c})


def record(
    session: AsyncSession,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    workspace: str | None = None,
) -> None:
    """Write `action` (`kpi.updated`) on `subject` (`kpi/<id>`) into the log when the transaction commits.

    `before` and `after` hold the fields that changed, nothing personal and no secrets. `workspace` stands in for the
    context's own when the operator changes something of another workspace.
    """
    context = context_of(session)
    session.info.setdefault(_PENDING, []).append(
        {
            "id": uuid7(),
            "workspace": workspace or context.workspace,
            "actor": context.actor,
            "action": action,
            "subject": subject,
            "before": _plain(before),
            "after": _plain(after),
            "correlationid": context.correlationid,
            "at": clock_of(session).now(),
        }
    )
    # a record alone must also begin a transaction, or there would be no commit to hook into
    if not session.in_transaction():
        session.sync_session.begin()


def _plain(values: Mapping[str, Any] | None) -> Any:
    return None if values is None else orjson.loads(orjson.dumps(dict(values), default=str))


@event.listens_for(UnitOfWork, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction():
        return
    rows = session.info.pop(_PENDING, None)
    if rows:
        session.execute(_INSERT, rows)


@event.listens_for(UnitOfWork, "after_rollback")
def _forget(session: Session) -> None:
    if session.in_nested_transaction():  # a savepoint was rolled back, the transaction goes on
        return
    session.info.pop(_PENDING, None)
