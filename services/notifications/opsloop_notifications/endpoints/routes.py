"""HTTP doors of endpoints."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.access.principal import SLUG
from opsloop_common.documents import write_document
from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.pages import PageRouter
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, also_reads, problems, tells_own
from opsloop_common.outbound.client import policy_from
from opsloop_notifications.bindings.rules import SCOPE, bound_to
from opsloop_notifications.endpoints import queries, service
from opsloop_notifications.endpoints.models import Webhook
from opsloop_notifications.endpoints.schemas import (
    RotateIn,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    WebhookWithSecret,
)
from opsloop_notifications.signing.rules import jwk_of

router = ApiRouter(tags=["webhooks"])
pages = PageRouter("webhooks")
KEYS_KEPT_SECONDS = 300
"""For so long a receiver may keep the keys. One that knows only the old key goes on with that one's signature while both are sent."""
READING = "notifications:read"
WRITING = "notifications:write"
READ = [allow(READING, SCOPE), tells_own(SCOPE)]
WRITE = [allow(WRITING, SCOPE), tells_own(SCOPE)]


def _fields(body: WebhookIn | WebhookPatch) -> dict[str, Any]:
    """Return what was said as the service keeps it."""
    fields = body.model_dump(exclude={"secret"}, exclude_unset=isinstance(body, WebhookPatch))
    if "filter" in fields:
        fields["filter"] = [condition.model_dump(mode="json") for condition in body.filter]
    return fields


def _shown(webhook: Webhook) -> WebhookOut:
    return WebhookOut.model_validate(webhook).model_copy(update={"url": webhook.shown_url})


def _with_secret(webhook: Webhook, secret: str | None) -> WebhookWithSecret:
    return WebhookWithSecret(**_shown(webhook).model_dump(), secret=secret)


@router.post("/v1/webhooks", status_code=201, dependencies=WRITE, responses=problems(409))
async def create_webhook(body: WebhookIn, session: Db, who: Who, run: Run, response: Response) -> WebhookWithSecret:
    """Have events posted to a URL. `event_types` takes exact names, `kpi.*` and `*`. The secret is shown this once.

    A key with nothing but `notifications:subscribe` makes one that is bound to its source: it is told of the states of that source's
    posts alone (received, replied, resolved, reopened, merged, unmerged), with ids and no texts.
    """
    webhook, secret = await service.create_webhook(
        session,
        _fields(body),
        source=bound_to(who, unless=WRITING),
        secret=body.secret,
        policy=policy_from(run.settings),
        secrets=run.secrets,
    )
    set_etag(response, webhook.version)
    set_location(response, f"/v1/webhooks/{webhook.id}")
    return _with_secret(webhook, secret)


@router.get("/v1/webhooks", dependencies=READ)
async def list_webhooks(
    session: Db,
    who: Who,
    page: PageQuery,
    source: Annotated[str | None, Query(pattern=SLUG, description="Those that are bound to it.")] = None,
) -> Listing[WebhookOut]:
    """List the endpoints, newest first; to a key with nothing but `notifications:subscribe` those of its source."""
    found = queries.webhooks_of(who.workspace, bound_to(who, unless=READING), source)
    rows = await paginate(session, found, page, by=queries.NEWEST_FIRST)
    return rows.map(_shown)


@router.get("/v1/webhooks/{webhook_id}", dependencies=READ, responses=problems(404))
async def get_webhook(webhook_id: UUID, session: Db, who: Who, response: Response) -> WebhookOut:
    """Show one endpoint, without its secret."""
    await service.require_within(session, webhook_id, bound_to(who, unless=READING))
    webhook = await queries.get_webhook(session, webhook_id)
    set_etag(response, webhook.version)
    return _shown(webhook)


@router.patch("/v1/webhooks/{webhook_id}", dependencies=WRITE, responses=problems(404, 412))
async def update_webhook(
    webhook_id: UUID, body: WebhookPatch, session: Db, who: Who, run: Run, response: Response, expected: IfMatch
) -> WebhookOut:
    """Change an endpoint. `status` enabled takes it into use again; disabled cancels what waits for it."""
    await service.require_within(session, webhook_id, bound_to(who, unless=WRITING))
    webhook = await service.change_webhook(
        session, webhook_id, _fields(body), expected=expected, policy=policy_from(run.settings), secrets=run.secrets
    )
    set_etag(response, webhook.version)
    return _shown(webhook)


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_webhook(webhook_id: UUID, session: Db, who: Who, expected: IfMatch) -> None:
    """Take an endpoint away; what waits for it is cancelled."""
    await service.require_within(session, webhook_id, bound_to(who, unless=WRITING))
    await service.delete_webhook(session, webhook_id, expected=expected)


@router.post("/v1/webhooks/{webhook_id}/rotate-secret", dependencies=[*WRITE, also_reads()], responses=problems(404))
async def rotate_webhook_secret(
    webhook_id: UUID, session: Db, who: Who, run: Run, response: Response, body: RotateIn | None = None
) -> WebhookWithSecret:
    """Give the endpoint new keys, of another `signature` if wanted; for a grace period (24 h unless said) the old ones sign too."""
    await service.require_within(session, webhook_id, bound_to(who, unless=WRITING))
    wanted = body or RotateIn()
    webhook, secret = await service.rotate_secret(
        session,
        webhook_id,
        secret=wanted.secret,
        signature=wanted.signature,
        grace=wanted.grace,
        secrets=run.secrets,
    )
    set_etag(response, webhook.version)
    return _with_secret(webhook, secret)


@pages.get("/{webhook_id}/jwks.json")
async def get_webhook_keys(webhook_id: UUID, session: Db) -> Response:
    """Show everybody the keys that verify an endpoint's `v1a` signatures now, as a JWK Set (RFC 7517)."""
    keys = [jwk_of(key) for key in await service.public_keys(session, webhook_id)]
    headers = {"Cache-Control": f"public, max-age={KEYS_KEPT_SECONDS}"}
    return Response(write_document({"keys": keys}), headers=headers, media_type="application/jwk-set+json")
