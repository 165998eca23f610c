"""HTTP doors of digests."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Slug, UserId
from opsloop_notifications.digest_mails import service
from opsloop_notifications.digest_mails.schemas import DigestItemOut, DigestPreviewOut, DigestWordsOut
from opsloop_notifications.digests import service as digests

router = ApiRouter(tags=["messages"])
READ = allow("notifications:read")


@router.get("/v1/digests", dependencies=[READ])
async def list_digests(
    session: Db,
    who: Who,
    page: PageQuery,
    user_id: Annotated[UserId | None, Query()] = None,
    topic: Annotated[Slug | None, Query()] = None,
) -> Listing[DigestItemOut]:
    """List what is held for people, and what went out, newest first."""
    found = digests.digests_of(who.workspace, user_id=user_id, topic=topic)
    return (await paginate(session, found, page, by=digests.NEWEST_FIRST)).map(DigestItemOut.model_validate)


@router.get("/v1/digests/{digest_id}", dependencies=[READ], responses=problems(404))
async def get_digest(digest_id: UUID, session: Db) -> DigestItemOut:
    """Show what is held for a person until when."""
    return DigestItemOut.model_validate(await digests.get_digest(session, digest_id))


@router.get("/v1/digests/{digest_id}/preview", dependencies=[READ], responses=problems(404))
async def preview_digest(digest_id: UUID, session: Db) -> DigestPreviewOut:
    """Show the mail of a digest in both languages, as it is so far."""
    count, said = await service.preview(session, digest_id)
    names = DigestWordsOut.model_fields
    return DigestPreviewOut(
        count=count, contents=[DigestWordsOut(**{name: each[name] for name in names}) for each in said]
    )
