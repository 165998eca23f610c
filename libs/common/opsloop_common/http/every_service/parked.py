"""`/v1/parked-events`: what a consumer of this service could not apply, played again or given up."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from opsloop_common.db import context_of
from opsloop_common.http.deps import Db, Run, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_common.inbox import parking
from opsloop_common.inbox.tables import parked_event
from opsloop_common.service import Service

NEWEST_FIRST = (parked_event.c.id.desc(),)


class ParkedEventOut(OutModel):
    """An event that failed (`failed`), or that waits behind a failed one of its stream (`held`)."""

    id: UUID
    consumer: str
    source: str
    stream: str | None
    seq: int | None
    event_id: UUID | None
    type: str | None
    workspace: str | None
    status: Literal["failed", "held"]
    fingerprint: str
    reason: str
    attempts: int
    origin: str
    parked_at: Timestamp


class ParkedGroupOut(OutModel):
    """Failed events of one consumer with one cause: the same kind of error from the same place; `held` wait behind them."""

    consumer: str
    fingerprint: str
    reason: str
    failed: int
    held: int
    first_at: Timestamp
    last_at: Timestamp


class ParkedGroups(OutModel):
    """All groups, the largest first."""

    items: list[ParkedGroupOut]


class FingerprintIn(InModel):
    """A cause, as the groups name it."""

    fingerprint: Annotated[str, Field(min_length=1, max_length=1000)]


class RedrivenOut(OutModel):
    """What a redrive did; `remaining` counts events of the same stream that are still parked."""

    applied: int
    failed: int
    remaining: int


class DiscardedOut(OutModel):
    """How many failed events were given up."""

    discarded: int


def router(service: Service) -> ApiRouter:
    """Return the routes over one service's parked events; the operator sees those of all workspaces."""
    routes = ApiRouter(tags=["operations"], dependencies=[allow(f"{service.name}:admin")])

    @routes.get("/v1/parked-events")
    async def list_parked_events(
        session: Db,
        who: Who,
        page: PageQuery,
        consumer: Annotated[str | None, Query(max_length=200)] = None,
        status: Annotated[Literal["failed", "held"] | None, Query()] = None,
        fingerprint: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Listing[ParkedEventOut]:
        """List parked events, newest first."""
        query = parking.parked(consumer=consumer, status=status, fingerprint=fingerprint, workspace=who.reach)
        found = await paginate(session, query, page, by=NEWEST_FIRST)
        return found.map(ParkedEventOut.model_validate)

    @routes.get("/v1/parked-events/groups")
    async def list_parked_groups(who: Who, run: Run) -> ParkedGroups:
        """List what failed by its cause, the most frequent first."""
        found = await parking.list_groups(run.db, workspace=who.reach)
        return ParkedGroups(items=[ParkedGroupOut.model_validate(group) for group in found])

    @routes.post("/v1/parked-events/redrive")
    async def redrive_parked_group(body: FingerprintIn, session: Db, who: Who, run: Run) -> RedrivenOut:
        """Play the streams of all events that failed from one cause again, each until one fails or none is left."""
        done = await parking.redrive(
            run.db, run.service, by=context_of(session), fingerprint=body.fingerprint, workspace=who.reach
        )
        return RedrivenOut.model_validate(done)

    @routes.post("/v1/parked-events/discard")
    async def discard_parked_group(body: FingerprintIn, session: Db, who: Who, run: Run) -> DiscardedOut:
        """Give all events that failed from one cause up for good, and play what was held behind them."""
        discarded = await parking.discard(
            run.db, run.service, by=context_of(session), fingerprint=body.fingerprint, workspace=who.reach
        )
        return DiscardedOut(discarded=discarded)

    @routes.post("/v1/parked-events/{parked_id}/redrive", responses=problems(404))
    async def redrive_parked_event(parked_id: UUID, session: Db, who: Who, run: Run) -> RedrivenOut:
        """Play the event's stream again in its order, until one fails or none is left."""
        done = await parking.redrive(run.db, run.service, by=context_of(session), id=parked_id, workspace=who.reach)
        return RedrivenOut.model_validate(done)

    @routes.post("/v1/parked-events/{parked_id}/discard", responses=problems(404))
    async def discard_parked_event(parked_id: UUID, session: Db, who: Who, run: Run) -> DiscardedOut:
        """Give a failed event up for good, and play what was held behind it."""
        discarded = await parking.discard(
            run.db, run.service, by=context_of(session), id=parked_id, workspace=who.reach
        )
        return DiscardedOut(discarded=discarded)

    return routes
