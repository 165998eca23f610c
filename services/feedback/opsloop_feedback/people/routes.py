"""The HTTP doors of people."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import EmailAddress, UserId
from opsloop_feedback.filters.rules import Facet, Filters
from opsloop_feedback.items import service as items
from opsloop_feedback.people.schemas import (
    ChannelCount,
    IdentityOut,
    PersonMergeIn,
    PersonOut,
    SuggestionOut,
    WholePersonOut,
)
from opsloop_feedback.persons import service
from opsloop_feedback.persons.service import Person, Whom

router = ApiRouter(tags=["people"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, person: Person) -> PersonOut:
    set_etag(response, person.version)
    return PersonOut.model_validate(person)


@router.get("/v1/people", dependencies=[READ])
async def list_people(
    session: Db, who: Who, page: PageQuery, user_id: UserId | None = None, email: EmailAddress | None = None
) -> Listing[PersonOut]:
    """List who posts, newest first: those who stand for themselves, found also by the ids and addresses of those merged into them."""
    found = await paginate(session, service.people(who.workspace, Whom(user_id, email)), page, by=service.NEWEST_FIRST)
    return found.map(PersonOut.model_validate)


@router.get("/v1/people/{person_id}", dependencies=[READ], responses=problems(404))
async def get_person(person_id: UUID, session: Db) -> WholePersonOut:
    """Show somebody, by which ways they came in (the first 200), and how many posts are theirs; these are `/v1/feedback?person=`."""
    person = PersonOut.model_validate(await service.get_person(session, person_id))
    theirs = await service.narrowed(session, Filters(), [person_id])
    counts = (await items.count_by(session, theirs, [Facet.CHANNEL]))[Facet.CHANNEL]
    return WholePersonOut(
        **person.model_dump(),
        members=[PersonOut.model_validate(each) for each in await service.members_of(session, person_id)],
        identities=[
            IdentityOut(
                person_id=each.id,
                user_id=each.user_id,
                is_verified=each.is_verified,
                source=way.source,
                channel=way.channel,
                email=way.email or None,
                since=way.since,
            )
            for each, way in await service.identities_of(session, person_id)
        ],
        feedback_by_channel=[ChannelCount(channel=str(channel), count=count) for channel, count in counts.counts],
        is_exact=counts.is_exact,
    )


@router.post("/v1/people/{person_id}/merge", dependencies=[WRITE], responses=problems(404, 409))
async def merge_person(person_id: UUID, body: PersonMergeIn, session: Db, response: Response) -> PersonOut:
    """Say that somebody is another, who stands for them and for all merged into them; answers the other.

    Who was merged stands for nobody (409 with `merged_into`). Nothing is lost, and `unmerge` restores both.
    """
    return _answer(response, await service.merge_person(session, person_id, body.into))


@router.post("/v1/people/{person_id}/unmerge", dependencies=[WRITE], responses=problems(404, 409))
async def unmerge_person(person_id: UUID, session: Db, response: Response) -> PersonOut:
    """Let somebody stand for themselves again, and for those who had been merged into them before."""
    return _answer(response, await service.unmerge_person(session, person_id))


@router.get("/v1/people-suggestions", dependencies=[READ])
async def list_people_suggestions(session: Db, who: Who, page: PageQuery) -> Listing[SuggestionOut]:
    """List pairs who may be one person, and why, the newest first; nobody is merged unless somebody does it."""
    found = await paginate(session, service.suggestions(who.workspace), page, by=service.SUGGESTED_LAST)
    named = await service.people_named(session, {id for each in found.items for id in (each.person_id, each.other_id)})
    return found.map(
        lambda each: SuggestionOut(
            id=each.id,
            reason=each.reason,
            people=[PersonOut.model_validate(named[id]) for id in (each.person_id, each.other_id)],
            created_at=each.created_at,
        )
    )


@router.post(
    "/v1/people-suggestions/{suggestion_id}/dismiss",
    status_code=204,
    dependencies=[WRITE],
    responses=problems(404),
)
async def dismiss_people_suggestion(suggestion_id: UUID, session: Db) -> None:
    """Say that two are not one: they are suggested no more."""
    await service.dismiss(session, suggestion_id)
