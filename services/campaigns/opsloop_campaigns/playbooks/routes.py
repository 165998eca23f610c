"""The HTTP door of playbooks."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_campaigns.approvals.rules import Approval, approval_of
from opsloop_campaigns.lifecycle import service as lifecycle
from opsloop_campaigns.playbooks import queries, service
from opsloop_campaigns.playbooks.models import Playbook
from opsloop_campaigns.playbooks.rules import RunOutcome
from opsloop_campaigns.playbooks.schemas import (
    ApprovalIn,
    ApprovalOut,
    CancelledOut,
    EventType,
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
from opsloop_common.access.principal import Principal
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, also_reads, body_limit, problems
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
        edited_by=playbook.edited_by,
        writers=playbook.writers,
        approval=ApprovalOut(
            status=approval_of(requires_approval=playbook.requires_approval, approved_by=playbook.approved_by),
            approved_by=playbook.approved_by,
            approved_at=playbook.approved_at,
        ),
        last_run_at=playbook.last_run_at,
        created_at=playbook.created_at,
        updated_at=playbook.updated_at,
    )


def _is_admin(who: Principal) -> bool:
    """Say whether somebody might allow self-approval in one step, and so may approve what they wrote themselves."""
    return who.has("campaigns:admin")


@router.post("/v1/playbooks", status_code=201, dependencies=WRITE_AUDIENCE, responses=problems(409))
async def create_playbook(body: PlaybookIn, session: Db, who: Who, response: Response) -> PlaybookOut:
    """Write a new playbook; it listens at once unless `enabled` is false.

    One that asks for no approval of its campaigns needs one of its own (`approval`), by somebody else than its writers; what it
    would send until then waits for a person. An admin's own is approved with the writing.
    """
    draft = service.Draft(
        name=body.name,
        enabled=body.enabled,
        event_type=body.on,
        conditions=body.when,
        cooldown=body.cooldown,
        requires_approval=body.requires_approval,
        launch=body.launch.stored(),
    )
    playbook = await service.create_playbook(session, draft, is_admin=_is_admin(who))
    set_location(response, f"/v1/playbooks/{playbook.id}")
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.get("/v1/playbooks", dependencies=READ)
async def list_playbooks(
    session: Db,
    page: PageQuery,
    enabled: bool | None = None,
    on: Annotated[EventType | None, Query(description="Event type.")] = None,
    approval: Approval | None = None,
) -> Listing[PlaybookOut]:
    """List playbooks, newest first."""
    query = queries.playbooks(enabled=enabled, event_type=on, approval=approval)
    found = await paginate(session, query, page, by=queries.NEWEST_FIRST)
    return found.map(_shown)


@router.get("/v1/playbooks/{playbook_id}", dependencies=READ, responses=problems(404))
async def get_playbook(playbook_id: UUID, session: Db, response: Response) -> PlaybookOut:
    """Return one playbook."""
    playbook = await queries.get_playbook(session, playbook_id)
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.patch("/v1/playbooks/{playbook_id}", dependencies=WRITE_AUDIENCE, responses=problems(404, 412))
async def edit_playbook(
    playbook_id: UUID, body: PlaybookPatch, session: Db, who: Who, response: Response, expected: IfMatch
) -> PlaybookOut:
    """Change a playbook, or switch it on and off with `enabled`; a change of what it does must be approved again."""
    changes: dict[str, Any] = {STORED_AS.get(name, name): getattr(body, name) for name in body.model_fields_set}
    if "conditions" in changes:
        changes["conditions"] = [one.model_dump(mode="json") for one in body.when]
    if "launch" in changes:
        changes["launch"] = body.launch.stored()
    playbook = await service.edit_playbook(session, playbook_id, changes, expected=expected, is_admin=_is_admin(who))
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.put("/v1/playbooks/{playbook_id}/approval", dependencies=WRITE, responses=problems(404, 409, 412))
async def change_playbook_approval(
    playbook_id: UUID, body: ApprovalIn, session: Db, who: Who, response: Response, expected: IfMatch
) -> PlaybookOut:
    """Approve that a playbook sends by itself, or take that back; what it was held for meanwhile still waits.

    Nobody approves what they wrote or edited, unless the workspace allows it or they are an admin. The present status changes
    nothing.
    """
    playbook = await service.change_approval(
        session, playbook_id, Approval(body.status), expected=expected, is_admin=_is_admin(who)
    )
    set_etag(response, playbook.version)
    return _shown(playbook)


@router.delete("/v1/playbooks/{playbook_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_playbook(playbook_id: UUID, session: Db, expected: IfMatch) -> None:
    """Delete a playbook and its runs; campaigns that it launched stay, those that wait for a person are cancelled."""
    await service.delete_playbook(session, playbook_id, expected=expected)


@router.get("/v1/playbooks/{playbook_id}/runs", dependencies=READ, responses=problems(404))
async def list_playbook_runs(
    playbook_id: UUID,
    session: Db,
    page: PageQuery,
    outcome: Annotated[list[RunOutcome] | None, Query(description="One or several of these.")] = None,
) -> Listing[RunOut]:
    """List the events for which the conditions held, newest first, with what the playbook made of each."""
    await queries.get_playbook(session, playbook_id)
    query = queries.runs_of(playbook_id, outcomes=outcome or ())
    found = await paginate(session, query, page, by=queries.NEWEST_RUNS_FIRST)
    return found.map(RunOut.model_validate)


@router.post("/v1/playbooks/{playbook_id}/cancel-waiting", dependencies=WRITE, responses=problems(404))
async def cancel_waiting_campaigns(playbook_id: UUID, session: Db) -> CancelledOut:
    """Cancel all campaigns of the playbook that wait for approval; switch it off first if it goes on making them."""
    await queries.get_playbook(session, playbook_id)
    return CancelledOut(cancelled=await lifecycle.cancel_waiting(session, playbook_id))


@router.post("/v1/playbooks/{playbook_id}/test", dependencies=[*WRITE_EVENT, also_reads()], responses=problems(404))
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
