"""HTTP doors of persons."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from opsloop_common.http.deps import Db, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp, UserId
from opsloop_metrics.people import queries
from opsloop_metrics.people.schemas import ProfileOut, UserGroupOut, UserIdOut, UserMergeOut, UserOut

router = ApiRouter(tags=["users"])
READ = allow("metrics:read")
ONE = "/v1/users/{user_id:path}"  # below every longer path: an id may hold slashes


@router.get("/v1/users", dependencies=[READ])
async def list_users(
    session: Db,
    page: PageQuery,
    identified: Annotated[
        bool | None, Query(description="Only those whose id the customer gave, or only others.")
    ] = None,
    created_from: Annotated[Timestamp | None, Query(description="First seen then or later.")] = None,
    created_to: Annotated[Timestamp | None, Query(description="First seen before.")] = None,
) -> Listing[UserOut]:
    """List the people whom events told of, those first seen last before the others."""
    found = queries.users(session, is_identified=identified, seen_from=created_from, seen_to=created_to)
    return (await paginate(session, found, page, by=queries.NEWEST_FIRST)).map(UserOut.model_validate)


@router.get(f"{ONE}/ids", dependencies=[READ], responses=problems(404))
async def list_user_ids(user_id: UserId, session: Db, page: PageQuery) -> Listing[UserIdOut]:
    """List the ids that a person goes by, sorted."""
    person = await queries.get_user(session, user_id)
    return (await paginate(session, queries.ids_of(person), page, by=queries.BY_ID)).map(UserIdOut.model_validate)


@router.get(f"{ONE}/merges", dependencies=[READ], responses=problems(404))
async def list_user_merges(user_id: UserId, session: Db, page: PageQuery) -> Listing[UserMergeOut]:
    """List who was found to be this person, the latest first."""
    person = await queries.get_user(session, user_id)
    found = await paginate(session, queries.merges_of(person), page, by=queries.LATEST_FIRST)
    return found.map(UserMergeOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_user(user_id: UserId, session: Db, response: Response) -> ProfileOut:
    """Show the person whom an id names: any of its ids does."""
    person = await queries.get_user(session, user_id)
    set_etag(response, person.version)
    groups = await queries.some_groups(session, person)
    return ProfileOut(
        **UserOut.model_validate(person).model_dump(),
        distinct_ids=[alias.distinct_id for alias in await queries.some_ids(session, person)],
        groups=[
            UserGroupOut(type=type, key=key, since=since, traits=traits or {}) for type, key, since, traits in groups
        ],
    )
