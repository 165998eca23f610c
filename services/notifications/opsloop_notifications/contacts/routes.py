"""HTTP doors of contacts: for the product's server by key, for a person's browser by a user token."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems, users
from opsloop_common.http.schemas import UserId
from opsloop_common.outbound.client import policy_from
from opsloop_notifications.contacts import queries, service
from opsloop_notifications.contacts.models import Contact
from opsloop_notifications.contacts.schemas import ContactIn, ContactOut

router = ApiRouter(tags=["recipients"])
READ = [allow("notifications:read"), users()]
WRITE = [allow("notifications:write"), users()]
ALL = "/v1/recipients/{user_id:path}/contacts"
ONE = f"{ALL}/{{contact_id}}"


def _shown(contact: Contact) -> ContactOut:
    fields: dict[str, Any] = {name: getattr(contact, name) for name in ContactOut.model_fields}
    return ContactOut.model_validate(fields | {"address": contact.shown_address})


@router.post(ALL, status_code=201, dependencies=WRITE, responses=problems(404))
async def create_contact(
    user_id: UserId, body: ContactIn, session: Db, who: Who, run: Run, response: Response
) -> ContactOut:
    """Say where a person is reached: by phone, in a chat, or in a browser, which is then theirs alone."""
    service.require_own(user_id, who.user_id)
    contact = await service.add_contact(
        session, user_id, body.model_dump(), policy=policy_from(run.settings), secrets=run.secrets
    )
    set_location(response, f"/v1/recipients/{quote(user_id, safe='')}/contacts/{contact.id}")
    set_etag(response, contact.version)
    return _shown(contact)


@router.get(ALL, dependencies=READ, responses=problems(404))
async def list_contacts(user_id: UserId, session: Db, who: Who, page: PageQuery) -> Listing[ContactOut]:
    """List where a person is reached besides mail, newest first."""
    service.require_own(user_id, who.user_id)
    if who.user_id is None:
        await service.require_known(session, user_id)
    rows = await paginate(session, queries.contacts_of(who.workspace, user_id), page, by=queries.NEWEST_FIRST)
    return rows.map(_shown)


@router.get(ONE, dependencies=READ, responses=problems(404))
async def get_contact(user_id: UserId, contact_id: UUID, session: Db, who: Who, response: Response) -> ContactOut:
    """Show one place where a person is reached."""
    service.require_own(user_id, who.user_id)
    contact = await queries.get_contact(session, user_id, contact_id)
    set_etag(response, contact.version)
    return _shown(contact)


@router.delete(ONE, status_code=204, dependencies=[allow("notifications:write")], responses=problems(404, 412))
async def delete_contact(user_id: UserId, contact_id: UUID, session: Db, expected: IfMatch) -> None:
    """Forget one place where a person is reached. A browser that takes back its consent is forgotten at its next message."""
    await service.delete_contact(session, user_id, contact_id, expected=expected)
