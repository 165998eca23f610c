"""What became of a campaign's people: one by one, and added up."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from opsloop_campaigns.lifecycle import service as lifecycle
from opsloop_campaigns.lifecycle.rules import Status
from opsloop_campaigns.recipients import service as recipients
from opsloop_campaigns.recipients.rules import RecipientOutcome
from opsloop_campaigns.sending import service
from opsloop_campaigns.sending.schemas import RecipientOut, ResultsOut
from opsloop_campaigns.shapes import TriggerOut
from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems

router = ApiRouter(tags=["campaigns"])
READ = allow("campaigns:read")


@router.get("/v1/campaigns/{campaign_id}/recipients", dependencies=[READ], responses=problems(404))
async def list_recipients(
    campaign_id: UUID,
    session: Db,
    page: PageQuery,
    status: Annotated[list[RecipientOutcome] | None, Query(description="One or several of these.")] = None,
) -> Listing[RecipientOut]:
    """List the people of a launched campaign by their ids, one row a person, with what became of each."""
    await lifecycle.get_campaign(session, campaign_id)
    query = recipients.recipients_of(campaign_id, status=status or ())
    found = await paginate(session, query, page, by=recipients.BY_USER)
    return found.map(RecipientOut.model_validate)


@router.get("/v1/campaigns/{campaign_id}/results", dependencies=[READ], responses=problems(404))
async def get_results(campaign_id: UUID, session: Db) -> ResultsOut:
    """Count what became of everybody: who was told, who was not and why, and what launched the campaign."""
    campaign = await lifecycle.get_campaign(session, campaign_id)
    results = await service.results_of(session, campaign.id, Status(campaign.status), campaign.audience_size)
    trigger = lifecycle.trigger_of(campaign)
    return ResultsOut(
        campaign_id=campaign.id,
        status=Status(campaign.status),
        audience_size=results.audience_size,
        by_status=dict(results.by_status),
        by_reason=dict(results.by_reason),
        by_locale=dict(results.by_locale),
        playbook_id=campaign.playbook_id,
        trigger=None if trigger is None else TriggerOut.model_validate(trigger),
        incident_id=campaign.incident_id,
        started_at=campaign.started_at,
        finished_at=campaign.finished_at,
    )
