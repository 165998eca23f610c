"""HTTP doors of recipients."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems, users
from opsloop_common.http.schemas import EmailAddress, Locale, UserId
from opsloop_notifications.recipients import queries, service
from opsloop_notifications.recipients.models import Recipient
from opsloop_notifications.recipients.schemas import (
    PreferencesIn,
    PreferencesOut,
    RecipientIn,
    RecipientOut,
    RecipientPatch,
    State,
)

router = ApiRouter(tags=["recipients"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
ONE = "/v1/recipients/{user_id:path}"  # below every longer path: an id may hold slashes
PREFERENCES = f"{ONE}/preferences"


@router.put(PREFERENCES, dependencies=[WRITE, users()], responses=problems(404, 412))
async def put_preferences(
    user_id: UserId, body: PreferencesIn, session: Db, who: Who, response: Response, expected: IfMatch
) -> PreferencesOut:
    """Say what a person wants to hear on which channel, and when they are left alone; what is left out is as the topics say.

    What is off stays off until it is named: only the person, with their own token, takes it back by leaving it out. What
    comes within the quiet hours is sent when they end, in the person's zone, but for topics that are critical.
    """
    wanted: dict[str, dict[str, bool]] = {}
    digests: dict[str, dict[str, dict[str, Any]]] = {}
    for each in body.topics:
        wanted.setdefault(each.topic, {})[each.channel] = each.is_on
        if each.digest is not None:
            digests.setdefault(each.topic, {})[each.channel] = each.digest.model_dump()
    quiet = (body.quiet_hours.start, body.quiet_hours.end) if body.quiet_hours else None
    recipient = await service.set_preferences(
        session, user_id, as_user=who.user_id, wanted=wanted, digests=digests, quiet=quiet, expected=expected
    )
    return _preferences(response, recipient)


@router.get(PREFERENCES, dependencies=[READ, users()], responses=problems(404))
async def get_preferences(user_id: UserId, session: Db, who: Who, response: Response) -> PreferencesOut:
    """Show what a person said they want to hear, and when they are left alone."""
    service.require_own(user_id, who.user_id)
    return _preferences(response, await queries.get_recipient(session, user_id))


def _preferences(response: Response, recipient: Recipient) -> PreferencesOut:
    set_etag(response, recipient.version)
    return PreferencesOut.model_validate(recipient)


@router.put(
    ONE,
    dependencies=[WRITE],
    responses=problems(412) | {201: {"model": RecipientOut, "description": "The person was not known before."}},
)
async def put_recipient(
    user_id: UserId, body: RecipientIn, session: Db, response: Response, expected: IfMatch
) -> RecipientOut:
    """Say where a person is reached, and in which language; what is left out is forgotten, but for what they want to hear."""
    recipient, is_new = await service.put_recipient(session, user_id, body.model_dump(), expected=expected)
    response.status_code = 201 if is_new else 200
    return _answer(response, recipient)


@router.patch(ONE, dependencies=[WRITE], responses=problems(404, 412))
async def update_recipient(
    user_id: UserId, body: RecipientPatch, session: Db, response: Response, expected: IfMatch
) -> RecipientOut:
    """Change where a person is reached; what is left out stays."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_recipient(session, user_id, changes, expected=expected))


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_recipient(user_id: UserId, session: Db, response: Response) -> RecipientOut:
    """Show where a person is reached."""
    return _answer(response, await queries.get_recipient(session, user_id))


def _answer(response: Response, recipient: Recipient) -> RecipientOut:
    set_etag(response, recipient.version)
    return RecipientOut.model_validate(recipient)


@router.get("/v1/recipients", dependencies=[READ])
async def list_recipients(
    session: Db,
    who: Who,
    page: PageQuery,
    email: Annotated[EmailAddress | None, Query(description="Whatever its case.")] = None,
    state: Annotated[State | None, Query()] = None,
    locale: Annotated[Locale | None, Query()] = None,
) -> Listing[RecipientOut]:
    """List the people that can be reached, newest first."""
    found = queries.recipients_of(who.workspace, email=email, state=state, locale=locale)
    return (await paginate(session, found, page, by=queries.NEWEST_FIRST)).map(RecipientOut.model_validate)


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_recipient(user_id: UserId, session: Db, expected: IfMatch) -> None:
    """Forget a person's address and what they wanted. What was sent to them stays in the record."""
    await service.delete_recipient(session, user_id, expected=expected)
