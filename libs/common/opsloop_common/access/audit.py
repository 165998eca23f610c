"""The audit log: who changed what, written in the transaction that changes it, never changed itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from opsloop_common.access.tables import audit
from opsloop_common.documents import included
from opsloop_common.ids import uuid7
from opsloop_common.work import Part, Phase, clock_of, context_of, work_of

_INSERT = insert(audit).values({column.name: bindparam(column.name) for column in audit.c})


class Records(Part):
    """What one transaction has to say for the audit."""

    phase = Phase.AUDIT

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, session: Session) -> None:
        """Write all rows in one statement."""
        session.execute(_INSERT, self.rows)


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
    context's own when the operator changes something of another workspace. Not inside a savepoint.
    """
    context = context_of(session)
    work_of(session).part(Records).rows.append(
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


def _plain(values: Mapping[str, Any] | None) -> Any:
    return None if values is None else included(orjson.dumps(dict(values), default=str))
