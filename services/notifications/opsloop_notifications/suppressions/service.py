"""Keep which addresses get nothing, and say so to those who work with the people behind them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, resources
from opsloop_common.contracts.notifications import RecipientSuppressed, SuppressionReason
from opsloop_common.db import clock_of, context_of
from opsloop_common.ids import uuid7
from opsloop_common.versions import Precondition
from opsloop_notifications.recipients.rules import AddressState
from opsloop_notifications.recipients.service import mark_address
from opsloop_notifications.suppressions import queries, rules
from opsloop_notifications.suppressions.models import Suppression

Said = Literal["added", "changed", "known"]
_STATE = {
    "hard_bounce": AddressState.BOUNCED,
    "soft_bounce": AddressState.BOUNCED,
    "complaint": AddressState.COMPLAINED,
}


async def suppress(
    session: AsyncSession, address: str, reason: SuppressionReason, *, note: str | None = None
) -> tuple[Suppression, Said]:
    """Send nothing more to an address; returns the suppression, and what is new about it.

    The first reason stays, but for a wish to get no more: whatever else is heard later takes its place.
    """
    now, workspace = clock_of(session).now(), context_of(session).workspace
    fingerprint = rules.fingerprint(workspace, address)
    row = {"id": uuid7(), "workspace": workspace, "version": 1, "created_at": now, "updated_at": now}
    statement = insert(Suppression).values(fingerprint=fingerprint, address=address, reason=reason, note=note, **row)
    added = await session.scalar(statement.on_conflict_do_nothing().returning(Suppression))
    if added is not None:
        resources.tell(session, added, "created", after=added.audited())
        return await _told(session, added, address, reason), "added"
    found = await queries.lock_of(session, [fingerprint])
    if not found:  # it was lifted between the two statements
        return await suppress(session, address, reason, note=note)
    if not rules.takes_the_place(reason, found[0].reason):
        return found[0], "known"
    changes = {"reason": reason, "address": address} | ({"note": note} if note is not None else {})
    return await _told(session, resources.change(session, found[0], changes), address, reason), "changed"


async def _told(
    session: AsyncSession, suppression: Suppression, address: str, reason: SuppressionReason
) -> Suppression:
    """Say of all who have the address that they get nothing more, and why."""
    for recipient in await mark_address(session, address, _STATE.get(reason)):
        outbox.append(
            session,
            RecipientSuppressed(
                recipient_id=recipient.person_id,
                user_id=recipient.user_id,
                suppression_id=suppression.id,
                channel=suppression.channel,
                reason=reason,
            ),
        )
    return suppression


async def lift(session: AsyncSession, suppression_id: UUID, *, expected: Precondition) -> None:
    """Let an address get mail again; one that bounced or complained counts as confirmed. Raises NotFound, StaleVersion."""
    suppression = await queries.lock_suppression(session, suppression_id, expected)
    if suppression.address is not None and suppression.reason in _STATE:
        await mark_address(session, suppression.address, AddressState.CONFIRMED)
    await resources.delete(session, suppression)


async def reasons(session: AsyncSession, addresses: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return why some of (workspace, address) get nothing; also for a session that entered as a worker."""
    prints = {each: (each[0], rules.fingerprint(*each)) for each in addresses}  # two spellings of an address have one
    found = await queries.reasons_by_fingerprint(session, set(prints.values()))
    return {each: found[fingerprint] for each, fingerprint in prints.items() if fingerprint in found}


async def forget_addresses(session: AsyncSession, addresses: Collection[str]) -> None:
    """Keep of addresses of people who were erased only by what they are known again."""
    workspace = context_of(session).workspace
    for suppression in await queries.lock_of(session, [rules.fingerprint(workspace, each) for each in addresses]):
        resources.change(session, suppression, {"address": None, "note": None})
