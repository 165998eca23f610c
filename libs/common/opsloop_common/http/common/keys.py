"""`/v1/api-keys`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import Field
from sqlalchemy import select

from opsloop_common.access import keys
from opsloop_common.access.principal import Principal
from opsloop_common.access.tables import api_key
from opsloop_common.access.workspaces import SLUG
from opsloop_common.db import clock_of
from opsloop_common.errors import Forbidden, Invalid
from opsloop_common.http.call import call_of
from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Slug, Timestamp
from opsloop_common.service import Service

VERSION = 1  # a key is made and revoked, never changed


class ApiKeyIn(InModel):
    """A key to make. Only the operator may name a workspace other than its own."""

    name: ShortText
    scopes: Annotated[list[str], Field(min_length=1, max_length=50)]
    workspace: Slug | None = None
    expires_at: Timestamp | None = None


class ApiKeyOut(OutModel):
    """A key, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    workspace: str
    created_by: str
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None


class NewApiKeyOut(ApiKeyOut):
    """A key that has just been made; `key` is shown this once."""

    key: str


def _reach(who: Principal) -> str | None:
    return None if who.is_operator else who.workspace


def router(service: Service) -> ApiRouter:
    """Return the routes for one service's keys."""
    routes = ApiRouter(tags=["access"], dependencies=[allow(f"{service.name}:admin")])

    @routes.post("/v1/api-keys", status_code=201)
    async def create_api_key(body: ApiKeyIn, db: Db, who: Who, run: Run, response: Response) -> NewApiKeyOut:
        """Make a key; it is shown in this answer only."""
        workspace = body.workspace or who.workspace
        if workspace != who.workspace and not who.is_operator:
            raise Forbidden("Only the operator's key makes keys for another workspace.")
        keys.require_known_scopes(body.scopes, service.scopes)
        if body.expires_at is not None and body.expires_at <= clock_of(db).now():
            raise Invalid("/expires_at", "must be in the future")
        token = await keys.create(
            db, name=body.name, scopes=body.scopes, workspace=workspace, expires_at=body.expires_at
        )
        set_location(response, f"/v1/api-keys/{token.id}")
        set_etag(response, VERSION)
        row = await keys.get(db, token.id, workspace=workspace)
        return NewApiKeyOut(key=str(token), **ApiKeyOut.model_validate(row).model_dump())

    @routes.get("/v1/api-keys")
    async def list_api_keys(
        db: Db, who: Who, page: PageQuery, workspace: Annotated[str | None, Query(pattern=SLUG)] = None
    ) -> Listing[ApiKeyOut]:
        """List the workspace's keys, newest first; the operator sees all workspaces'."""
        query = select(*api_key.c).where(api_key.c.revoked_at.is_(None))
        if not who.is_operator:
            query = query.where(api_key.c.workspace == who.workspace)
        if workspace is not None:
            query = query.where(api_key.c.workspace == workspace)
        found = await paginate(db, query, page, by=[api_key.c.id.desc()])
        return found.map(ApiKeyOut.model_validate)

    @routes.get("/v1/api-keys/{key_id}", responses=problems(404))
    async def get_api_key(key_id: UUID, db: Db, who: Who, response: Response) -> ApiKeyOut:
        """Show a key, without its secret."""
        found = await keys.get(db, key_id, workspace=_reach(who))
        set_etag(response, VERSION)
        return ApiKeyOut.model_validate(found)

    @routes.delete("/v1/api-keys/{key_id}", status_code=204, responses=problems(404))
    async def revoke_api_key(key_id: UUID, db: Db, who: Who, if_match: IfMatch, request: Request) -> None:
        """End a key for good: at once here, within 5 seconds in other processes."""
        await keys.revoke(db, key_id, workspace=_reach(who))
        if_match.require(VERSION)
        call_of(request).after_commit(lambda shell: shell.authenticator.forget(key_id))

    return routes
