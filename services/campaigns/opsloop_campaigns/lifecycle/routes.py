"""The HTTP door of campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsloop_campaigns.budgets.rules import HeldBy
from opsloop_campaigns.lifecycle import queries, rules, service
from opsloop_campaigns.lifecycle.models import Campaign
from opsloop_campaigns.lifecycle.queries import Filters
from opsloop_campaigns.lifecycle.rules import Status
from opsloop_campaigns.lifecycle.schemas import (
    CampaignIn,
    CampaignOut,
    CampaignPatch,
    CampaignSummary,
    PreviewOut,
    ProblemOut,
    StatusIn,
)
from opsloop_campaigns.recipients.rules import chunks
from opsloop_campaigns.shapes import AudienceOut, MessageOut, TriggerOut
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, also_reads, body_limit, problems
from opsloop_common.http.schemas import ShortText, Timestamp
from opsloop_common.limits import AUDIENCE_VALUES

router = ApiRouter(tags=["campaigns"])

READ = [allow("campaigns:read")]
WRITE = [allow("campaigns:write")]
WRITE_AUDIENCE = [*WRITE, body_limit(values=AUDIENCE_VALUES)]


def _trigger(campaign: Campaign) -> TriggerOut | None:
    trigger = service.trigger_of(campaign)
    return None if trigger is None else TriggerOut.model_validate(trigger)


def _summary(campaign: Campaign) -> CampaignSummary:
    return CampaignSummary.model_validate(_facts(campaign))


def _facts(campaign: Campaign) -> dict[str, Any]:
    fields = CampaignSummary.model_fields.keys() - {"trigger"}
    return {name: getattr(campaign, name) for name in fields} | {"trigger": _trigger(campaign)}


def _whole(response: Response, campaign: Campaign) -> CampaignOut:
    set_etag(response, campaign.version)
    return CampaignOut(
        **_facts(campaign),
        audience=AudienceOut(user_ids=campaign.user_ids),
        messages=_messages(campaign.messages),
        allowed=sorted(rules.TRANSITIONS[Status(campaign.status)]),
    )


def _messages(messages: Sequence[Mapping[str, str]]) -> list[MessageOut]:
    return [MessageOut.model_validate(message) for message in messages]


@router.post("/v1/campaigns", status_code=201, dependencies=WRITE_AUDIENCE)
async def create_campaign(body: CampaignIn, session: Db, response: Response) -> CampaignOut:
    """Write a new draft."""
    draft = service.Draft(
        body.name, body.audience.user_ids, [message.model_dump() for message in body.messages], body.schedule_at
    )
    campaign = await service.create_campaign(session, draft)
    set_location(response, f"/v1/campaigns/{campaign.id}")
    return _whole(response, campaign)


@router.get("/v1/campaigns", dependencies=READ)
async def list_campaigns(
    session: Db,
    page: PageQuery,
    status: Annotated[list[Status] | None, Query(description="One or several of these.")] = None,
    text: Annotated[ShortText | None, Query(description="Part of the name, in any case.")] = None,
    playbook_id: UUID | None = None,
    held_by: Annotated[list[HeldBy] | None, Query(description="One or several of these.")] = None,
    created_from: Timestamp | None = None,
    created_to: Timestamp | None = None,
) -> Listing[CampaignSummary]:
    """List campaigns, newest first."""
    query = queries.campaigns(Filters(status or (), text, playbook_id, held_by or (), created_from, created_to))
    found = await paginate(session, query, page, by=queries.NEWEST_FIRST)
    return found.map(_summary)


@router.get("/v1/campaigns/{campaign_id}", dependencies=READ, responses=problems(404))
async def get_campaign(campaign_id: UUID, session: Db, response: Response) -> CampaignOut:
    """Return one campaign with its people and messages."""
    return _whole(response, await queries.get_campaign_with_audience(session, campaign_id))


@router.patch("/v1/campaigns/{campaign_id}", dependencies=WRITE_AUDIENCE, responses=problems(404, 409, 412))
async def edit_campaign(
    campaign_id: UUID, body: CampaignPatch, session: Db, response: Response, expected: IfMatch
) -> CampaignOut:
    """Change a campaign that has not begun. After a change of audience or messages it must be approved again."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "audience" in changes:
        changes["user_ids"] = changes.pop("audience").user_ids
    if "messages" in changes:
        changes["messages"] = [message.model_dump() for message in body.messages]
    return _whole(response, await service.edit_campaign(session, campaign_id, changes, expected=expected))


@router.delete("/v1/campaigns/{campaign_id}", status_code=204, dependencies=WRITE, responses=problems(404, 409, 412))
async def delete_campaign(campaign_id: UUID, session: Db, expected: IfMatch) -> None:
    """Delete a draft; anything that others have seen is archived instead."""
    await service.delete_campaign(session, campaign_id, expected=expected)


@router.put("/v1/campaigns/{campaign_id}/status", dependencies=WRITE, responses=problems(404, 409, 412))
async def change_campaign_status(
    campaign_id: UUID, body: StatusIn, session: Db, response: Response, expected: IfMatch
) -> CampaignOut:
    """Move a campaign through its life; a 409 names in `allowed` what is possible from here.

    Nobody approves a campaign that they wrote or edited, themselves or as the maker of the playbook that wants it, unless the
    workspace allows it. Approving one that was held (`held_by`) lets it run. Pausing and cancelling hold
    back everybody who was not requested yet. The present status changes nothing.
    """
    campaign = await service.change_status(
        session, campaign_id, Status(body.status), expected=expected, reason=body.reason
    )
    return _whole(response, campaign)


@router.post(
    "/v1/campaigns/{campaign_id}/duplicate",
    status_code=201,
    dependencies=[*WRITE, also_reads()],
    responses=problems(404),
)
async def duplicate_campaign(campaign_id: UUID, session: Db, response: Response) -> CampaignOut:
    """Write a new draft that says the same to the same people."""
    campaign = await service.duplicate_campaign(session, campaign_id)
    set_location(response, f"/v1/campaigns/{campaign.id}")
    return _whole(response, campaign)


@router.get("/v1/campaigns/{campaign_id}/preview", dependencies=READ, responses=problems(404))
async def preview_campaign(campaign_id: UUID, session: Db) -> PreviewOut:
    """Show what would go out, to how many, and what is still missing."""
    campaign = await queries.get_campaign(session, campaign_id)
    lacking = rules.missing(campaign.audience_size, campaign.messages)
    return PreviewOut(
        campaign_id=campaign.id,
        audience_size=campaign.audience_size,
        chunks=chunks(campaign.audience_size),
        messages=_messages(campaign.messages),
        problems=[ProblemOut(pointer=error.pointer, detail=error.detail) for error in lacking],
    )
