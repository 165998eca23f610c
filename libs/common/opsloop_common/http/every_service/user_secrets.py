"""`/v1/user-secrets`."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from opsloop_common.access import lineage, user_secrets
from opsloop_common.errors import Forbidden
from opsloop_common.http.call import call_of
from opsloop_common.http.credentials import UserSecretIn
from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_common.service import Service


class UserSecretOut(OutModel):
    """A secret that tokens of end users are signed with, without itself; its `id` is their `kid`.

    `expires_at` is that of the key that made it.
    """

    id: UUID
    name: str
    workspace: str
    created_by: str
    created_at: Timestamp
    expires_at: Timestamp | None


class NewUserSecretOut(UserSecretOut):
    """A secret that has just been made; `secret` is shown this once. Its text is the key of HS256."""

    secret: str


def router(service: Service) -> ApiRouter:
    """Return the routes for one service's secrets of end users."""
    routes = ApiRouter(tags=["access"], dependencies=[allow(f"{service.name}:admin")])

    @routes.post("/v1/user-secrets", status_code=201)
    async def create_user_secret(
        body: UserSecretIn, session: Db, who: Who, run: Run, response: Response
    ) -> NewUserSecretOut:
        """Make a secret for tokens of end users; it is shown in this answer only. One that a key makes ends with that key."""
        workspace = body.workspace or who.workspace
        if workspace != who.workspace and not who.is_operator:
            raise Forbidden("Only the operator's key makes secrets for another workspace.")
        secret = await user_secrets.create(
            session, run.secrets, name=body.name, workspace=workspace, maker_id=who.key_id
        )
        set_location(response, f"/v1/user-secrets/{secret.id}")
        set_etag(response, lineage.VERSION)
        row = await user_secrets.get(session, secret.id, workspace=workspace)
        # by hand: the row's own `secret` is the sealed one
        return NewUserSecretOut(secret=secret.text, **UserSecretOut.model_validate(row).model_dump())

    @routes.get("/v1/user-secrets")
    async def list_user_secrets(session: Db, who: Who, page: PageQuery) -> Listing[UserSecretOut]:
        """List the workspace's secrets of end users, newest first; the operator sees all workspaces'."""
        query = user_secrets.listed(workspace=who.reach)
        found = await paginate(session, query, page, by=user_secrets.NEWEST_FIRST)
        return found.map(UserSecretOut.model_validate)

    @routes.get("/v1/user-secrets/{secret_id}", responses=problems(404))
    async def get_user_secret(secret_id: UUID, session: Db, who: Who, response: Response) -> UserSecretOut:
        """Show a secret of end users, without itself."""
        found = await user_secrets.get(session, secret_id, workspace=who.reach)
        set_etag(response, lineage.VERSION)
        return UserSecretOut.model_validate(found)

    @routes.delete("/v1/user-secrets/{secret_id}", status_code=204, responses=problems(404))
    async def revoke_user_secret(secret_id: UUID, session: Db, who: Who, expected: IfMatch, request: Request) -> None:
        """End a secret and every token signed with it: at once here, within 5 seconds in other processes."""
        await user_secrets.revoke(session, secret_id, workspace=who.reach, expected=expected)
        call_of(request).after_commit(lambda shell: shell.authenticator.forget([secret_id]))

    return routes
