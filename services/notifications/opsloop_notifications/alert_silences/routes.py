"""The HTTP doors of silences and inhibition rules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.db import clock_of
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.alert_silences import queries, service
from opsloop_notifications.alert_silences.models import InhibitionRule, Silence
from opsloop_notifications.alert_silences.rules import SilenceState, state_of
from opsloop_notifications.alert_silences.schemas import (
    InhibitionIn,
    InhibitionOut,
    InhibitionPatch,
    PreviewedAlert,
    PreviewIn,
    PreviewOut,
    SilenceIn,
    SilenceOut,
    SilencePatch,
)
from opsloop_notifications.shapes import changes_of, matchers_of

router = ApiRouter(tags=["alerts"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


def _shown(silence: Silence, now: datetime) -> SilenceOut:
    fields = {name: getattr(silence, name) for name in SilenceOut.model_fields if name != "state"}
    return SilenceOut(**fields, state=state_of(silence.starts_at, silence.ends_at, now).value)


def _answer(response: Response, silence: Silence, now: datetime) -> SilenceOut:
    set_etag(response, silence.version)
    return _shown(silence, now)


def _rule(response: Response, rule: InhibitionRule) -> InhibitionOut:
    set_etag(response, rule.version)
    return InhibitionOut.model_validate(rule)


@router.post("/v1/silences", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_silence(body: SilenceIn, session: Db, response: Response) -> SilenceOut:
    """Have nobody told of alerts for a while. They fire and end as ever; what still fires at the end is told then."""
    silence = await service.create_silence(session, body.model_dump(mode="python"))
    set_location(response, f"/v1/silences/{silence.id}")
    return _answer(response, silence, clock_of(session).now())


@router.post("/v1/silences/preview", dependencies=[READ])
async def preview_silence(body: PreviewIn, session: Db) -> PreviewOut:
    """Show which alerts that fire now a silence with these matchers would hold for."""
    count, found = await service.preview(session, matchers_of(body.matchers))
    return PreviewOut(count=count, alerts=[PreviewedAlert.model_validate(alert) for alert in found])


@router.get("/v1/silences", dependencies=[READ])
async def list_silences(
    session: Db, who: Who, page: PageQuery, state: Annotated[SilenceState | None, Query()] = None
) -> Listing[SilenceOut]:
    """List silences, newest first; those that are over stay for 30 days."""
    now = clock_of(session).now()
    rows = await paginate(session, queries.silences(who.workspace, state=state, now=now), page, by=queries.NEWEST_FIRST)
    return rows.map(lambda silence: _shown(silence, now))


@router.get("/v1/silences/{silence_id}", dependencies=[READ], responses=problems(404))
async def get_silence(silence_id: UUID, session: Db, response: Response) -> SilenceOut:
    """Show a silence."""
    return _answer(response, await queries.get_silence(session, silence_id), clock_of(session).now())


@router.patch("/v1/silences/{silence_id}", dependencies=[WRITE], responses=problems(404, 409, 412))
async def update_silence(
    silence_id: UUID, body: SilencePatch, session: Db, expected: IfMatch, response: Response
) -> SilenceOut:
    """Make a silence longer, shorter or another. One that is over answers 409."""
    changes = changes_of(body)
    silence = await service.change_silence(session, silence_id, changes, expected=expected)
    return _answer(response, silence, clock_of(session).now())


@router.delete("/v1/silences/{silence_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_silence(silence_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a silence away; if it held, what it kept quiet is told at the next look."""
    await service.delete_silence(session, silence_id, expected=expected)


@router.post("/v1/silences/{silence_id}/expire", dependencies=[WRITE], responses=problems(404, 412))
async def expire_silence(silence_id: UUID, session: Db, expected: IfMatch, response: Response) -> SilenceOut:
    """End a silence now; it is still shown, as expired."""
    silence = await service.expire_silence(session, silence_id, expected=expected)
    return _answer(response, silence, clock_of(session).now())


@router.post("/v1/inhibition-rules", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_inhibition_rule(body: InhibitionIn, session: Db, response: Response) -> InhibitionOut:
    """Have alerts keep others quiet: while the whole shop is down nobody needs to hear of each of its pages."""
    rule = await service.create_inhibition_rule(session, body.model_dump())
    set_location(response, f"/v1/inhibition-rules/{rule.id}")
    return _rule(response, rule)


@router.get("/v1/inhibition-rules", dependencies=[READ])
async def list_inhibition_rules(session: Db, who: Who, page: PageQuery) -> Listing[InhibitionOut]:
    """List inhibition rules, newest first."""
    rows = await paginate(session, queries.inhibition_rules(who.workspace), page, by=queries.NEWEST_RULE_FIRST)
    return rows.map(InhibitionOut.model_validate)


@router.get("/v1/inhibition-rules/{inhibition_rule_id}", dependencies=[READ], responses=problems(404))
async def get_inhibition_rule(inhibition_rule_id: UUID, session: Db, response: Response) -> InhibitionOut:
    """Show an inhibition rule."""
    return _rule(response, await queries.get_inhibition_rule(session, inhibition_rule_id))


@router.patch("/v1/inhibition-rules/{inhibition_rule_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_inhibition_rule(
    inhibition_rule_id: UUID, body: InhibitionPatch, session: Db, expected: IfMatch, response: Response
) -> InhibitionOut:
    """Change an inhibition rule; it counts at the next look at each group."""
    changes = changes_of(body)
    return _rule(
        response, await service.change_inhibition_rule(session, inhibition_rule_id, changes, expected=expected)
    )


@router.delete(
    "/v1/inhibition-rules/{inhibition_rule_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412)
)
async def delete_inhibition_rule(inhibition_rule_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw an inhibition rule away."""
    await service.delete_inhibition_rule(session, inhibition_rule_id, expected=expected)
