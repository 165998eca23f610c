"""Park lines, and have those that stand go on."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.errors import Conflict, Gone
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.deliveries.service import DeliveryLine, Standing
from opsloop_notifications.endpoints import service as endpoints


async def lines(session: AsyncSession, webhook_id: UUID, *, is_parked: bool | None) -> Select[DeliveryLine]:
    """Return the statement for an endpoint's lines, to be paged by `LINES_NEWEST_FIRST`; raises NotFound."""
    webhook = await endpoints.get_webhook(session, webhook_id)
    return deliveries.lines_of_endpoint(webhook.workspace, webhook.id, is_parked=is_parked)


async def park(session: AsyncSession, webhook_id: UUID, line_id: UUID) -> None:
    """Have a line stand; raises NotFound, and Conflict (409) where it does."""
    line = await _lock(session, webhook_id, line_id, is_parked=False)
    await deliveries.park_line(session, line)
    await _tell(session, line, "line_parked")


async def skip(session: AsyncSession, webhook_id: UUID, line_id: UUID) -> None:
    """Have a line go on without what it stands at; raises NotFound, and Conflict (409) where it does not stand."""
    line = await _lock(session, webhook_id, line_id, is_parked=True)
    await _tell(session, line, "line_skipped")
    await deliveries.skip_first(session, line)


async def resume(session: AsyncSession, webhook_id: UUID, line_id: UUID) -> None:
    """Have a line go on; raises NotFound, Conflict (409) where it does not stand, Gone (410) where what it stands at is no longer kept."""
    line = await _lock(session, webhook_id, line_id, is_parked=True)
    await endpoints.get_enabled(session, webhook_id)
    await _tell(session, line, "line_resumed")
    if line.reason == Standing.FAILED and line.delivery_id is not None:
        if not await deliveries.reopen_deliveries(session, [line.delivery_id]):
            raise Gone("The event is past its retention, so there is nothing to send any more; skip it.")
    else:
        await deliveries.end_lines(session, [line.id])


async def _lock(session: AsyncSession, webhook_id: UUID, line_id: UUID, *, is_parked: bool) -> DeliveryLine:
    line = await deliveries.lock_line(session, webhook_id, line_id)
    if (line.parked_at is not None) != is_parked:
        raise Conflict("The line does not stand." if is_parked else "The line stands already.")
    return line


async def _tell(session: AsyncSession, line: DeliveryLine, action: str) -> None:
    webhook = await endpoints.get_webhook(session, line.webhook_id)
    resources.tell(session, webhook, action, after={"line_id": line.id, "delivery_id": line.delivery_id})
