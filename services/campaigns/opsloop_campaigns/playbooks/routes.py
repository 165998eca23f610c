"""The HTTP door of playbooks."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_campaigns.playbooks import queries, service
from opsloop_campaigns.playbooks.models import Playbook, PlaybookRun
from opsloop_campaigns.playbooks.rules import Outcome
from opsloop_campaigns.playbooks.schemas import (
    LaunchOut,
    PlaybookIn,
    PlaybookOut,
    PlaybookPatch,
    RunOut,
    TestIn,
    TestOut,
    VerdictOut,
)
from opsloop_campaigns.playbooks.service import Rehearsal
from opsloop_campaigns.shapes import AudienceOut, MessageOut
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, problems
from opsloop_common.http.schemas import ConditionOut
from opsloop_common.limits import AUDIENCE_VALUES, EVENT_CONTAINERS, EVENT_VALUES

router = ApiRouter(tags=["playbooks"])

READ = [allow("campaigns:read")]
WRITE = [allow("campaigns:write")]
WRITE_EVENT = [*WRITE, body_limit(containers=EVENT_CONTAINERS, values=EVENT_VALUES)]
WRITE_AUDIENCE = [*WRITE, body_limit(values=AUDIENCE_VALUES)]

STORED_AS = {"on": "event_type", "when": "conditions"}


def _shown(playbook: Playbook) -> PlaybookOut:
    launch = playbook.launch
    return PlaybookOut(
        id=playbook.id,
        name=playbook.name,
        enabled=playbook.enabled,
        on=playbook.event_type,
        when=[ConditionOut.model_validate(one) for one in playbook.conditions],
        cooldown=playbook.cooldown,
        requires_approval=playbook.requires_approval,
        launch=LaunchOut(
            name=launch["name"],
            audience=AudienceOut(user_ids=launch["user_ids"]),
            messages=[MessageOut.model_validate(message) for message in launch["messages"]],
        ),
        author=playbook.author,
        last_run_at=playbook.last_run_at,
        created_at=playbook.created_at,
        updated_at=playbook.updated_at,
    )


@router.post("/v1/playbooks", status_code=201, dependencies=WRITE_AUDIENCE)
async def create_playbook(body: PlaybookIn, session: Db, response: Response) -> PlaybookOut:
    """Write a new playbook; it listens at once unless `enabled` is false."""
    draft = service.Draft(
        name=body.name,
        enabled=body.enabled,
        event_type=body.on,
        conditions=body.when,
        cooldown=body.cooldown,
        requires_approval=body.requires_approval,
        launch=body.launch.stored(),
    )
    playbook = await service.create_playbook(session, draft)
    set_location(response, f"/v1/playbooks/{playbook.id}")
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.get("/v1/playbooks", dependencies=READ)
async def list_playbooks(
    session: Db,
    page: PageQuery,
    enabled: bool | None = None,
    on: Annotated[str | None, Query(max_length=100, description="Event type.")] = None,
) -> Listing[PlaybookOut]:
    """List playbooks, newest first."""
    query = queries.playbooks(enabled=enabled, event_type=on)
    found = await paginate(session, query, page, by=[Playbook.created_at.desc(), Playbook.id.desc()])
    return found.map(_shown)


@router.get("/v1/playbooks/{playbook_id}", dependencies=READ, responses=problems(404))
async def get_playbook(playbook_id: UUID, session: Db, response: Response) -> PlaybookOut:
    """Return one playbook."""
    playbook = await queries.get_playbook(session, playbook_id)
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.patch("/v1/playbooks/{playbook_id}", dependencies=WRITE_AUDIENCE, responses=problems(404, 412))
async def edit_playbook(
    playbook_id: UUID, body: PlaybookPatch, session: Db, response: Response, if_match: IfMatch
) -> PlaybookOut:
    """Change a playbook, or switch it on and off with `enabled`."""
    changes: dict[str, Any] = {STORED_AS.get(name, name): getattr(body, name) for name in body.model_fields_set}
    if "conditions" in changes:
        changes["conditions"] = [one.model_dump(mode="json") for one in body.when]
    if "launch" in changes:
        changes["launch"] = body.launch.stored()
    playbook = await service.edit_playbook(session, playbook_id, changes, if_match.require)
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.delete("/v1/playbooks/{playbook_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_playbook(playbook_id: UUID, session: Db, if_match: IfMatch) -> None:
    """Delete a playbook and its runs; campaigns that it launched stay."""
    await service.delete_playbook(session, playbook_id, if_match.require)


@router.get("/v1/playbooks/{playbook_id}/runs", dependencies=READ, responses=problems(404))
async def list_playbook_runs(
    playbook_id: UUID,
    session: Db,
    page: PageQuery,
    outcome: Annotated[list[Outcome] | None, Query(description="One or several of these.")] = None,
) -> Listing[RunOut]:
    """List the events for which the conditions held, newest first, with what the playbook made of each."""
    await queries.get_playbook(session, playbook_id)
    query = queries.runs_of(playbook_id, outcomes=outcome or ())
    found = await paginate(session, query, page, by=[PlaybookRun.at.desc(), PlaybookRun.id.desc()])
    return found.map(RunOut.model_validate)


@router.post("/v1/playbooks/{playbook_id}/test", dependencies=WRITE_EVENT, responses=problems(404))
async def test_playbook(playbook_id: UUID, body: TestIn, session: Db) -> TestOut:
    """Say whether an event with this data would make the playbook run, and why; nothing is launched."""
    rehearsal = await service.rehearse(session, playbook_id, body.data)
    return TestOut(
        matches=rehearsal.decision is not None,
        enabled=rehearsal.enabled,
        outcome=rehearsal.decision.outcome if rehearsal.decision else None,
        reason=rehearsal.decision.reason if rehearsal.decision else "a condition does not hold",
        conditions=_verdicts(rehearsal),
        messages=[MessageOut.model_validate(message) for message in rehearsal.messages],
    )


def _verdicts(rehearsal: Rehearsal) -> list[VerdictOut]:
    return [
        VerdictOut(
            field=verdict.condition.field,
            op=verdict.condition.op,
            value=verdict.condition.value,
            holds=verdict.holds,
            reason=verdict.why,
        )
        for verdict in rehearsal.verdicts
    ]
