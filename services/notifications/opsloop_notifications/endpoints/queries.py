"""What is read of endpoints."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import FromClause, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.documents import read_document
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.lanes import Lanes, Statement
from opsloop_common.versions import Precondition
from opsloop_notifications.endpoints.models import Webhook
from opsloop_notifications.endpoints.rules import About, Listener, WebhookStatus

LISTENERS_KEPT = 1_000
"""In memory; those of the workspaces that were silent for longest are forgotten first."""
NEWEST_FIRST = (Webhook.id.desc(),)
_IS_THERE = Webhook.status != WebhookStatus.DELETED
THERE = select(Webhook.id).where(_IS_THERE).subquery()
"""The endpoints that are not deleted."""

# asked at each batch of events: put together once
_ENABLED = select(Webhook.id, Webhook.source, Webhook.event_types, Webhook.filter, Webhook.ordering).where(
    Webhook.workspace == bindparam("workspace"),
    Webhook.status == WebhookStatus.ENABLED,
    Webhook.about == About.EVENTS,
)
# what a change of an endpoint, or of how it fares, makes another
_STATE = "concat_ws(' ', id, version, failing_since IS NOT NULL)"
# LATERAL and OFFSET hold the planner to reading the table after the workspace was entered
_ENABLED_QUICKLY = Statement(
    f"WITH {ENTERED_SQL} SELECT w.* FROM entered CROSS JOIN LATERAL (SELECT id, source, event_types, CAST(filter AS text), "  # noqa: S608 our own part
    "ordering, url, format, language, rate_limit, allowed_rate, handshake, sealed_bot_secret, sealed_headers, payload_template, secret, "
    f"previous_secret, previous_expires_at, failing_since IS NOT NULL AS is_failing, {_STATE} AS state "
    "FROM webhook WHERE workspace = entered.workspace AND status = 'enabled' AND about = 'events' OFFSET 0) AS w"
)
UNCHANGED_SQL = (
    "listening AS MATERIALIZED (SELECT coalesce(array_agg(w.state ORDER BY w.state), '{}') "  # noqa: S608 our own part
    f"= ARRAY(SELECT unnest(CAST(:listener_states AS text[])) ORDER BY 1) AS is_unchanged "
    f"FROM entered CROSS JOIN LATERAL (SELECT {_STATE} AS state "
    "FROM webhook WHERE workspace = entered.workspace AND status = 'enabled' AND about = 'events' OFFSET 0) AS w)"
)
"""Says in `is_unchanged` whether the workspace's listeners are still those with `listener_states`, as part of a statement's WITH."""


def webhooks_of(workspace: str, *sources: str | None) -> Select[Webhook]:
    """Return the statement for a workspace's endpoints, to be paged; of one source where one is said."""
    said = (Webhook.source == source for source in sources if source is not None)
    return select(Webhook).where(Webhook.workspace == workspace, _IS_THERE, *said)


def there_of(source: str) -> FromClause:
    """Return the endpoints of a source that are not deleted."""
    return select(Webhook.id).where(_IS_THERE, Webhook.source == source).subquery()


async def source_of(session: AsyncSession, webhook_id: UUID) -> str | None:
    """Return the source that an endpoint is bound to, of a deleted one too."""
    query = select(Webhook.source).where(Webhook.id == webhook_id, Webhook.workspace == context_of(session).workspace)
    return cast("str | None", await session.scalar(query))


async def get_webhook(session: AsyncSession, webhook_id: UUID) -> Webhook:
    """Return one endpoint of the session's workspace; raises NotFound."""
    return await resources.get(session, Webhook, Webhook.id == webhook_id, _IS_THERE)


async def lock_webhook(session: AsyncSession, webhook_id: UUID, expected: Precondition) -> Webhook:
    """Lock and return one endpoint of the session's workspace in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Webhook, Webhook.id == webhook_id, _IS_THERE, expected=expected)


async def enabled_webhooks(session: AsyncSession) -> list[Listener]:
    """Return the endpoints of the session's workspace that get events."""
    rows = await session.execute(_ENABLED, {"workspace": context_of(session).workspace})
    return [Listener(row.id, row.source, row.event_types, row.filter, {"ordering": row.ordering}) for row in rows]


class KnownListeners:
    """The enabled endpoints of workspaces, as they were read last: who gets their events, remembered from batch to batch.

    Reading them before an event's deliveries are planned cost each event a round trip on its way. What is remembered is never
    trusted: the statement that plans compares it with the table (`UNCHANGED_SQL`), and does nothing where it no longer holds.
    """

    def __init__(self, *, kept: int = LISTENERS_KEPT) -> None:
        self._kept = kept
        self._count = 0
        self._known: OrderedDict[str, Sequence[Listener]] = OrderedDict()

    async def of(self, lanes: Lanes, workspace: str) -> Sequence[Listener]:
        """Return the listeners of a workspace, perhaps as they were some time ago."""
        if (known := self._known.get(workspace)) is not None:
            self._known.move_to_end(workspace)
            return known
        read = await _read_listeners(lanes, workspace)
        self.forget(workspace)
        self._known[workspace] = read
        self._count += 1 + len(read)
        while self._count > self._kept and len(self._known) > 1:
            self.forget(next(iter(self._known)))
        return read

    def forget(self, workspace: str) -> None:
        """Read a workspace's listeners anew at the next event: what is known no longer holds."""
        if (known := self._known.pop(workspace, None)) is not None:
            self._count -= 1 + len(known)


async def _read_listeners(lanes: Lanes, workspace: str) -> list[Listener]:
    rows = await lanes.fetch(_ENABLED_QUICKLY, {"workspace": workspace})
    return [
        Listener(row["id"], row["source"], row["event_types"], read_document(row["filter"]), row, row["state"])
        for row in rows
    ]


async def alert_receivers(session: AsyncSession, only: UUID | None) -> Sequence[Webhook]:
    """Return the enabled endpoints of the session's workspace that are told of alerts, or the one of them that is meant."""
    own = (Webhook.workspace == context_of(session).workspace, Webhook.status == WebhookStatus.ENABLED)
    query = select(Webhook).where(*own, Webhook.about == About.ALERTS).order_by(Webhook.id)
    return (await session.scalars(query if only is None else query.where(Webhook.id == only))).all()


async def lock_webhooks(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Webhook]:
    """Return endpoints of any workspace, locked in the order of their ids."""
    statement = select(Webhook).where(Webhook.id.in_(ids)).order_by(Webhook.id).with_for_update()
    return (await session.scalars(statement)).all()


async def all_ids(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of all endpoints of the session's workspace, deleted ones too."""
    return (await session.scalars(select(Webhook.id).where(Webhook.workspace == context_of(session).workspace))).all()
