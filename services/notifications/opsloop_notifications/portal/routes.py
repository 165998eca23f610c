"""The doors of links to endpoints' pages, and the pages: GET shows, POST acts.

What a link lets its holder do stands in the address, and in what it opens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from opsloop_common.access.links import Opened
from opsloop_common.errors import Invalid, StaleVersion
from opsloop_common.http.deps import Db, Run, set_location
from opsloop_common.http.pages import PageForm, PageRouter, form_token, opened
from opsloop_common.http.routing import ApiRouter, allow, also_reads, problems
from opsloop_common.outbound.client import policy_from
from opsloop_notifications.portal import layout, rules, service
from opsloop_notifications.portal.layout import Look
from opsloop_notifications.portal.rules import Right
from opsloop_notifications.portal.schemas import PortalLinkIn, PortalLinkOut
from opsloop_notifications.portal.service import PURPOSE, ROOM
from opsloop_notifications.portal.words import NOTICES, STATES

router = ApiRouter(tags=["webhooks"])
WRITE = allow("notifications:write")
pages = PageRouter(ROOM)
pages.open_by_link(PURPOSE, lambda found: f"{ROOM}/{found.subject.partition('/')[2]}")
ALL = "/{webhook_id}/{rights}"
ONE = f"{ALL}/deliveries/{{delivery_id}}"
Link = Annotated[Opened, opened(PURPOSE, "webhook/{webhook_id}/{rights}")]
Lang = Annotated[str | None, Query(max_length=2)]


@router.post(
    "/v1/webhooks/{webhook_id}/portal-link",
    status_code=201,
    dependencies=[WRITE, also_reads()],
    responses=problems(404, 409),
)
async def create_portal_link(
    webhook_id: UUID, session: Db, response: Response, body: PortalLinkIn | None = None
) -> PortalLinkOut:
    """Make a link for whoever receives an endpoint's calls: a page that shows what was sent and what came back.

    It works once, and opens that one endpoint for an hour. 409 where `OPSLOOP_PUBLIC_URL` is not set.
    """
    wanted = body or PortalLinkIn()
    can = {Right(each) for each in wanted.can}
    url, expires_at = await service.issue_link(session, webhook_id, can=can, lives=wanted.expires_in)
    set_location(response, f"/v1/webhooks/{webhook_id}")
    return PortalLinkOut(url=url, can=rules.rights_text(can).split("-"), expires_at=expires_at)


@router.delete("/v1/webhooks/{webhook_id}/portal-links", status_code=204, dependencies=[WRITE], responses=problems(404))
async def revoke_portal_links(webhook_id: UUID, session: Db) -> None:
    """End all links to an endpoint's page, those that were opened too."""
    await service.revoke_links(session, webhook_id)


async def _look(
    request: Request, _: Link, rights: str, lang: Lang = None, said: Annotated[str | None, Query(max_length=40)] = None
) -> Look:
    """Return in which words and with which buttons a page is written."""
    is_chinese = rules.is_chinese(lang, request.headers.get("accept-language", ""))
    return Look(is_chinese, rights, form_token(request), said if said in NOTICES else None)


Seen = Annotated[Look, Depends(_look)]


def _page(html: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html, status, {"Content-Security-Policy": layout.CSP})


def _to(address: str, look: Look, said: str) -> Response:
    return RedirectResponse(f"{address}?lang={look.lang}&said={said}", 303)


@pages.get(ALL)
async def show_endpoint(
    webhook_id: UUID,
    session: Db,
    link: Link,
    look: Seen,
    status: Annotated[str | None, Query(max_length=20)] = None,
    before: UUID | None = None,
) -> HTMLResponse:
    """Show an endpoint, how it fares, and what was sent to it lately."""
    state = status if status in STATES else None
    board = await service.show(session, webhook_id, link, status=state, before=before)
    return _page(layout.endpoint_page(board, look, status=state, is_first=before is None))


@pages.get(ONE)
async def show_endpoint_delivery(
    webhook_id: UUID, delivery_id: UUID, session: Db, link: Link, look: Seen
) -> HTMLResponse:
    """Show one delivery: what was sent, each attempt, and what was answered."""
    sheet = await service.show_delivery(session, webhook_id, delivery_id, link)
    return _page(layout.delivery_page(sheet, look))


@pages.post(f"{ONE}/resend", response_model=None)
async def resend_to_endpoint(
    webhook_id: UUID, delivery_id: UUID, session: Db, link: Link, look: Seen, _: PageForm
) -> Response:
    """Have one delivery tried again."""
    rules.require_right(look.rights, Right.RESEND)
    return _to(f"../{delivery_id}", look, await service.resend(session, webhook_id, delivery_id, link))


@pages.post(f"{ALL}/recover", response_model=None)
async def recover_endpoint(webhook_id: UUID, session: Db, link: Link, look: Seen, form: PageForm) -> Response:
    """Have all that was missed for a while delivered again."""
    rules.require_right(look.rights, Right.RESEND)
    span = form.get("since", "")
    if span not in rules.SPANS:
        raise Invalid("/since", f"must be one of {', '.join(rules.SPANS)}")
    return _to(f"../{look.rights}", look, await service.recover(session, webhook_id, span, link))


@pages.post(f"{ALL}/rotate", response_model=None)
async def rotate_endpoint_secret(
    webhook_id: UUID, session: Db, run: Run, link: Link, look: Seen, form: PageForm
) -> Response:
    """Make new keys, and show a secret this once: the answer is the page, as no address may carry it."""
    rules.require_right(look.rights, Right.ROTATE)
    seen = form.get("version", "")
    if not rules.is_version(seen):
        return _to(f"../{look.rights}", look, "changed_meanwhile")
    try:
        webhook, secret = await service.rotate(session, webhook_id, int(seen), link, secrets=run.secrets)
    except StaleVersion:
        return _to(f"../{look.rights}", look, "changed_meanwhile")
    return _page(layout.secret_page(webhook, secret, replace(look, said=None)))


@pages.post(f"{ALL}/pause", response_model=None)
async def pause_endpoint(webhook_id: UUID, session: Db, run: Run, link: Link, look: Seen, _: PageForm) -> Response:
    """Have no more calls until it is resumed."""
    rules.require_right(look.rights, Right.PAUSE)
    policy = policy_from(run.settings)
    said = await service.pause(session, webhook_id, link, policy=policy, secrets=run.secrets)
    return _to(f"../{look.rights}", look, said)


@pages.post(f"{ALL}/resume", response_model=None)
async def resume_endpoint(webhook_id: UUID, session: Db, run: Run, link: Link, look: Seen, _: PageForm) -> Response:
    """Have calls again."""
    rules.require_right(look.rights, Right.PAUSE)
    policy = policy_from(run.settings)
    said = await service.resume(session, webhook_id, link, policy=policy, secrets=run.secrets)
    return _to(f"../{look.rights}", look, said)
