"""What the doors of several rooms ask for behind `?`: which posts, and in which order."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator

from opsloop_common.contracts.feedback import Channel, Kind, Severity
from opsloop_common.http.deps import Db
from opsloop_common.http.schemas import ShortText, Slug, Timestamp, UserId
from opsloop_feedback.filters.rules import Facet, Filters, Sort
from opsloop_feedback.persons import service as persons
from opsloop_feedback.shapes import AuthorName, ExternalId, Number, Word, distinct_values, split_at_commas
from opsloop_feedback.states.rules import Status


async def _filters(
    status: Annotated[list[Status] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    channel: Annotated[list[Channel] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    author: Annotated[list[AuthorName] | None, Query(description="A user id or an e-mail address.")] = None,
    tag: Annotated[list[Word] | None, Query()] = None,
    area: Annotated[list[Word] | None, Query()] = None,
    source: Annotated[list[Slug] | None, Query(description="Who posted it.")] = None,
    external_id: Annotated[list[ExternalId] | None, Query()] = None,
    number: Annotated[list[Number] | None, Query()] = None,
    assignee: Annotated[list[UserId] | None, Query()] = None,
    team: Annotated[list[Word] | None, Query()] = None,
    cluster: Annotated[list[UUID] | None, Query(description="A topic, of `GET /v1/clusters`.")] = None,
    created_from: Timestamp | None = None,
    created_to: Annotated[Timestamp | None, Query(description="Not included.")] = None,
    due_before: Annotated[Timestamp | None, Query(description="Not included.")] = None,
    updated_from: Timestamp | None = None,
    text: Annotated[ShortText | None, Query(description="Words that title or body hold, all of them.")] = None,
) -> Filters:
    return Filters(
        status=status or (),
        kind=kind or (),
        channel=channel or (),
        severity=severity or (),
        author=author or (),
        tag=tag or (),
        area=area or (),
        source=source or (),
        external_id=external_id or (),
        number=number or (),
        assignee=assignee or (),
        team=team or (),
        cluster=[str(each) for each in cluster or ()],
        created_from=created_from,
        created_to=created_to,
        due_before=due_before,
        updated_from=updated_from,
        text=text,
    )


async def _narrowed(
    session: Db,
    filters: Annotated[Filters, Depends(_filters)],
    person: Annotated[list[UUID] | None, Query(description="Who wrote it, by any of their ids and addresses.")] = None,
) -> Filters:
    return await persons.narrowed(session, filters, person) if person else filters


FilterQuery = Annotated[Filters, Depends(_narrowed)]
"""A repeated filter means any of its values; all filters must hold."""
SortQuery = Annotated[
    Sort,
    Query(
        description="`-` turns it round. `severity` begins with the gravest (s1); what is due at no time comes after what is; what is "
        "equal goes by number."
    ),
]
FacetQuery = Annotated[
    list[Facet] | None,
    BeforeValidator(split_at_commas),
    AfterValidator(distinct_values),
    Query(description="Count what the filters leave by these, all pages together: repeated, or with commas between."),
]
