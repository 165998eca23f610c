"""What is recorded of notifications that are said by calls to the providers of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.notifications import FailureReason
from opsloop_common.db import Context, acting_for, clock_of
from opsloop_notifications.messages.mails import count, told_of
from opsloop_notifications.messages.models import Notification

_RECORD = text(
    "UPDATE notification AS n SET status = r.status, reason = r.reason, detail = r.detail, "
    "attempt_count = n.attempt_count + r.tries, deferred_until = coalesce(r.until, n.deferred_until), "
    "finished_at = CASE WHEN r.status <> 'pending' THEN CAST(:now AS timestamptz) END "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]), CAST(:details AS text[]), "
    "CAST(:tries AS integer[]), CAST(:untils AS timestamptz[])) AS r(id, status, reason, detail, tries, until) WHERE n.id = r.id"
)


@dataclass(frozen=True)
class Said:
    """What came of a try: sent (no reason), failed for good, or to be tried again (`is_over` False).

    `cause`: the context that its events inherit. `deferred_until`: the person is left alone until then.
    """

    notification: Notification
    cause: Mapping[str, Any]
    reason: FailureReason | None
    detail: str | None
    is_over: bool
    is_try: bool = True
    deferred_until: datetime | None = None


async def record_said(session: AsyncSession, said: Sequence[Said]) -> None:
    """Record what came of notifications whose claim still held, and tell the bus of those that ended."""
    await session.execute(
        _RECORD,
        {
            "now": clock_of(session).now(),
            "ids": [each.notification.id for each in said],
            "statuses": ["pending" if not each.is_over else "failed" if each.reason else "sent" for each in said],
            "reasons": [each.reason if each.is_over else None for each in said],
            "details": [each.detail for each in said],
            "tries": [int(each.is_try) for each in said],
            "untils": [each.deferred_until for each in said],
        },
    )
    for each in said:
        if not each.is_over:
            count(session, "delayed" if each.is_try else "deferred")
            continue
        count(session, each.reason or "sent")
        with acting_for(session, Context.following(each.notification.workspace, each.cause)):
            outbox.append(session, told_of(each.notification, each.reason))
