"""`/v1/audit`: who changed what."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import JsonValue
from sqlalchemy import select

from opsloop_common.access.tables import audit
from opsloop_common.http.deps import Db, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_common.service import Service

NEWEST_FIRST = (audit.c.id.desc(),)
Filter = Annotated[str | None, Query(max_length=300)]


class AuditEntryOut(OutModel):
    """One change: by whom, of what, and the fields before and after."""

    id: UUID
    actor: str
    action: str
    subject: str
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None
    correlationid: str
    at: Timestamp


def router(service: Service) -> ApiRouter:
    """Return the route of one service's audit log."""
    routes = ApiRouter(tags=["access"], dependencies=[allow(f"{service.name}:admin")])

    @routes.get("/v1/audit")
    async def list_audit_entries(
        session: Db,
        who: Who,
        page: PageQuery,
        actor: Filter = None,
        action: Filter = None,
        subject: Filter = None,
        at_from: Annotated[Timestamp | None, Query()] = None,
        at_to: Annotated[Timestamp | None, Query()] = None,
    ) -> Listing[AuditEntryOut]:
        """List what was changed in the workspace, newest first."""
        query = select(*audit.c).where(audit.c.workspace == who.workspace)
        equal: dict[Any, str | None] = {audit.c.actor: actor, audit.c.action: action, audit.c.subject: subject}
        for column, wanted in equal.items():
            if wanted is not None:
                query = query.where(column == wanted)
        if at_from is not None:
            query = query.where(audit.c.at >= at_from)
        if at_to is not None:
            query = query.where(audit.c.at < at_to)
        found = await paginate(session, query, page, by=NEWEST_FIRST)
        return found.map(AuditEntryOut.model_validate)

    return routes
