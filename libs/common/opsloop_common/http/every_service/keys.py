"""`/v1/api-keys`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from opsloop_common.access import keys, lineage
from opsloop_common.access.tables import api_key
from opsloop_common.db import clock_of
from opsloop_common.errors import Forbidden
from opsloop_common.http.call import call_of
from opsloop_common.http.credentials import ApiKeyIn
from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import OutModel, Slug, Timestamp
from opsloop_common.service import Service


class ApiKeyOut(OutModel):
    """A key, without its secret. `parent_id` is the key that made it, and ends it when it is revoked."""

    id: UUID
    name: str
    scopes: list[str]
    workspace: str
    source: str
    publishable: bool
    origins: list[str]
    rows_per_day: int | None
    bytes_per_day: int | None
    parent_id: UUID | None
    created_by: str
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None


class NewApiKeyOut(ApiKeyOut):
    """A key that has just been made; `key` is shown this once."""

    key: str


def router(service: Service) -> ApiRouter:
    """Return the routes for one service's keys."""
    routes = ApiRouter(tags=["access"], dependencies=[allow(f"{service.name}:admin")])

    @routes.post("/v1/api-keys", status_code=201)
    async def create_api_key(body: ApiKeyIn, session: Db, who: Who, run: Run, response: Response) -> NewApiKeyOut:
        """Make a key; it is shown in this answer only.

        A key that a key makes ends with that one: when it is revoked, and no later than it expires.
        """
        workspace = body.workspace or who.workspace
        if workspace != who.workspace and not who.is_operator:
            raise Forbidden("Only the operator's key makes keys for another workspace.")
        body.require_possible(service.scopes, now=clock_of(session).now())
        browsers = body.browsers()
        if browsers is not None:
            keys.require_only_adding(body.scopes, service.adding)
        token = await keys.create(
            session,
            name=body.name,
            scopes=body.scopes,
            workspace=workspace,
            expires_at=body.expires_at,
            source=body.source,
            parent_id=who.key_id,
            publishable=browsers,
        )
        set_location(response, f"/v1/api-keys/{token.id}")
        set_etag(response, lineage.VERSION)
        row = await keys.get(session, token.id, workspace=workspace)
        return NewApiKeyOut(key=str(token), **ApiKeyOut.model_validate(row).model_dump())

    @routes.get("/v1/api-keys")
    async def list_api_keys(
        session: Db,
        who: Who,
        page: PageQuery,
        workspace: Annotated[Slug | None, Query()] = None,
        source: Annotated[Slug | None, Query()] = None,
    ) -> Listing[ApiKeyOut]:
        """List the workspace's keys, newest first; the operator sees all workspaces'."""
        query = keys.listed(workspace=who.reach, source=source)
        if workspace is not None:
            query = query.where(api_key.c.workspace == workspace)
        found = await paginate(session, query, page, by=keys.NEWEST_FIRST)
        return found.map(ApiKeyOut.model_validate)

    @routes.get("/v1/api-keys/{key_id}", responses=problems(404))
    async def get_api_key(key_id: UUID, session: Db, who: Who, response: Response) -> ApiKeyOut:
        """Show a key, without its secret."""
        found = await keys.get(session, key_id, workspace=who.reach)
        set_etag(response, lineage.VERSION)
        return ApiKeyOut.model_validate(found)

    @routes.delete("/v1/api-keys/{key_id}", status_code=204, responses=problems(404))
    async def revoke_api_key(key_id: UUID, session: Db, who: Who, expected: IfMatch, request: Request) -> None:
        """End a key for good, with the keys and secrets of end users that it made: at once here, within 5 seconds elsewhere."""
        ended = await keys.revoke(session, key_id, workspace=who.reach, expected=expected)
        call_of(request).after_commit(lambda shell: shell.authenticator.forget(ended))

    return routes
