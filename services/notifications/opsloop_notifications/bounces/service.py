"""Take note of what came back, once, and send nothing more to addresses that are not there or complained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.notifications import SuppressionReason
from opsloop_common.db import clock_of, context_of
from opsloop_common.ids import uuid7
from opsloop_common.secretbox import SecretBox
from opsloop_notifications.bounces import queries, rules
from opsloop_notifications.bounces.models import MailReport
from opsloop_notifications.bounces.reading import Read
from opsloop_notifications.bounces.reading import read as read
from opsloop_notifications.bounces.rules import Kind, Source
from opsloop_notifications.messages.service import Notification, notifications_by_id
from opsloop_notifications.returns.rules import PURPOSE, find
from opsloop_notifications.suppressions.rules import fingerprint
from opsloop_notifications.suppressions.service import suppress

_FORGET = text(
    "DELETE FROM mail_report WHERE workspace = :workspace AND id IN (SELECT id FROM mail_report "
    "WHERE workspace = :workspace AND created_at < :before LIMIT :limit) RETURNING id"
)


@dataclass(frozen=True)
class Said:
    """One report: about a notification, or else an address."""

    source: Source
    kind: Kind
    at: datetime
    notification_id: UUID | None
    address: str | None = None
    status: str | None = None
    detail: str | None = None


class Taken(NamedTuple):
    """What came of it."""

    outcome: Literal["recorded", "repeated", "unknown"]
    type: Kind
    notification_id: UUID | None
    is_suppressed: bool


async def take_report(session: AsyncSession, report: Read, *, secrets: SecretBox) -> Taken:
    """Take a report of a mailbox; it counts for the mail of the session's workspace whose signed id it carries."""
    id = find(report.named, context_of(session).workspace, partial(secrets.digest, purpose=PURPOSE))
    if id is None:
        return Taken("unknown", report.kind, None, False)
    now = clock_of(session).now()
    said = Said(report.source, report.kind, now, id, status=report.state, detail=report.detail)
    return (await take(session, [said]))[0]


async def take(session: AsyncSession, said: Sequence[Said]) -> list[Taken]:
    """Take reports, each once whatever happens in between, and have what follows for the addresses happen."""
    ids = {each.notification_id for each in said if each.notification_id is not None}
    known = {row.id: row for row in await notifications_by_id(session, list(ids))}
    rows = [_row(session, each, known.get(each.notification_id or UUID(int=0))) for each in said]
    new = {row["key"]: row for row in reversed(rows) if row is not None}  # of two alike the first
    addresses = {row["fingerprint"]: row.pop("address") for row in rows if row is not None}
    added = await _add(session, list(new.values()))
    suppressed = await _suppress(session, [row for row in new.values() if row["id"] in added], addresses)
    return [_taken(each, row, added, suppressed) for each, row in zip(said, rows, strict=True)]


def _row(session: AsyncSession, said: Said, about: Notification | None) -> dict[str, Any] | None:
    """Return what is kept of a report, with the address; None where it names nobody of the workspace."""
    address = about.address if about is not None else said.address
    if address is None:
        return None
    workspace, now = context_of(session).workspace, clock_of(session).now()
    of, id = fingerprint(workspace, address), about.id if about is not None else None
    return {
        "id": uuid7(),
        "workspace": workspace,
        "key": rules.key(said.kind, notification_id=id, fingerprint=of, at=said.at),
        "fingerprint": of,
        "address": address,
        "type": said.kind,
        "source": said.source,
        "notification_id": id,
        "user_id": about.user_id if about is not None else None,
        "status": said.status,
        "detail": said.detail if about is not None else None,
        "reported_at": min(said.at, now),
        "created_at": now,
    }


async def _add(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    if not rows:
        return set()
    await queries.lock_addresses(session, [row["fingerprint"] for row in rows])
    statement = insert(MailReport).values(rows).on_conflict_do_nothing().returning(MailReport.id)
    return set(await session.scalars(statement))


async def _suppress(
    session: AsyncSession, rows: Sequence[dict[str, Any]], addresses: dict[bytes, str]
) -> dict[bytes, UUID]:
    """Return which report an address gets nothing more for, from now on."""
    found: dict[bytes, UUID] = {}
    for row in sorted(
        rows, key=lambda row: (row["fingerprint"], row["type"])
    ):  # in one order: no two wait for each other
        of: bytes = row["fingerprint"]
        reason = await _reason(session, row["type"], of)
        if reason is not None and of not in found and (await suppress(session, addresses[of], reason))[1] != "known":
            found[of] = row["id"]
    return found


async def suppress_bounced(session: AsyncSession, notification_id: UUID) -> None:
    """Send nothing more to the address of a notification that the mail server refused for good, if it is still there."""
    for notification in await notifications_by_id(session, [notification_id]):
        if notification.address is not None:
            await suppress(session, notification.address, "hard_bounce")


async def _reason(session: AsyncSession, kind: Kind, of: bytes) -> SuppressionReason | None:
    match kind:
        case Kind.HARD:
            return "hard_bounce"
        case Kind.COMPLAINT:
            return "complaint"
        case Kind.SOFT:
            since = rules.soft_since(clock_of(session).now())
            return "soft_bounce" if await queries.soft_bounces(session, of, since=since) >= rules.SOFT_BOUNCES else None


def _taken(said: Said, row: dict[str, Any] | None, added: set[UUID], suppressed: dict[bytes, UUID]) -> Taken:
    if row is None:
        return Taken("unknown", said.kind, None, False)
    is_new = row["id"] in added
    is_suppressed = suppressed.get(row["fingerprint"]) == row["id"]
    return Taken("recorded" if is_new else "repeated", said.kind, row["notification_id"], is_suppressed)


async def erase_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget what was reported about mails to people who were erased."""
    workspace = context_of(session).workspace
    await session.execute(delete(MailReport).where(MailReport.workspace == workspace, MailReport.user_id.in_(user_ids)))


async def forget_reports(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` reports from before a time; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    return len((await session.scalars(_FORGET, given)).all())
