"""The HTTP doors of CSAT."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.contracts.feedback import Channel, Severity
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp, UserId
from opsloop_feedback.csat import queries, service
from opsloop_feedback.csat.models import CsatSettings
from opsloop_feedback.csat.queries import Wanted
from opsloop_feedback.csat.schemas import (
    AnswersOut,
    By,
    CsatGroupOut,
    CsatReportOut,
    CsatResponseOut,
    CsatSettingsOut,
    CsatSettingsPatch,
)
from opsloop_feedback.shapes import Rating, Word, changes_of

router = ApiRouter(tags=["csat"])
READ = allow("feedback:read")


def _answer(response: Response, settings: CsatSettings) -> CsatSettingsOut:
    set_etag(response, settings.version)
    return CsatSettingsOut.model_validate(settings)


@router.get("/v1/csat-settings", dependencies=[READ])
async def get_csat_settings(session: Db, response: Response) -> CsatSettingsOut:
    """Show whether and when authors are asked how satisfied they are."""
    return _answer(response, await service.get_settings(session))


@router.patch("/v1/csat-settings", dependencies=[allow("feedback:admin")], responses=problems(412))
async def update_csat_settings(
    body: CsatSettingsPatch, session: Db, expected: IfMatch, response: Response
) -> CsatSettingsOut:
    """Say whether and when authors are asked. It goes by mail, so it needs `OPSLOOP_PUBLIC_URL` for the link."""
    changes = changes_of(body, mode="python")
    return _answer(response, await service.change_settings(session, changes, expected=expected))


@router.get("/v1/csat-responses", dependencies=[READ])
async def list_csat_responses(
    session: Db,
    who: Who,
    page: PageQuery,
    score: Annotated[list[Rating] | None, Query()] = None,
    team: Word | None = None,
    assignee: UserId | None = None,
    channel: Channel | None = None,
    severity: Severity | None = None,
    feedback_id: UUID | None = None,
    answered_from: Timestamp | None = None,
    answered_to: Annotated[Timestamp | None, Query(description="Not included.")] = None,
) -> Listing[CsatResponseOut]:
    """List what authors said of how their posts were resolved, newest first."""
    wanted = Wanted(score, team, assignee, channel, severity, feedback_id, answered_from, answered_to)
    found = await paginate(session, queries.responses(who.workspace, wanted), page, by=queries.NEWEST_FIRST)
    return found.map(CsatResponseOut.model_validate)


@router.get("/v1/reports/csat", dependencies=[READ])
async def show_csat_report(
    session: Db,
    since: Annotated[Timestamp | None, Query(alias="from", description="30 days before `to`, when left out.")] = None,
    until: Annotated[Timestamp | None, Query(alias="to", description="Not included; now, when left out.")] = None,
    by: By = "team",
) -> CsatReportOut:
    """Say how satisfied authors are in a period, by team, assignee, channel, severity or week of the workspace."""
    found = await service.report(session, since, until, by=by)
    groups = [(group, AnswersOut.model_validate(answers)) for group, answers in found.rows.items()]
    return CsatReportOut.model_validate(
        {
            "from": found.since,
            "to": found.until,
            "by": by,
            "rows": [CsatGroupOut(group=group, **answers.model_dump()) for group, answers in groups],
            "total": AnswersOut.model_validate(found.total),
        }
    )
