"""Use cases of saved insights: keep a question, change it, ask it, draw what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources, workspaces
from opsloop_common.db import clock_of, ports_of
from opsloop_common.errors import Conflict, FieldError, Invalid
from opsloop_common.http.refusals import field_error
from opsloop_common.limits import ERRORS_SHOWN
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.annotations import service as annotating
from opsloop_metrics.charts import rules as charts
from opsloop_metrics.charts.rules import Beside, Note
from opsloop_metrics.insights.periods import Timed, WeekStart
from opsloop_metrics.ports import Answered, Insight, MetricsPorts
from opsloop_metrics.saved_insights import queries, rules
from opsloop_metrics.saved_insights.models import SavedInsight


async def create_insight(
    session: AsyncSession, *, name: str, description: str | None, kind: str, query: Mapping[str, Any]
) -> SavedInsight:
    """Keep a question; raises Invalid for one that its insight would not take."""
    _read(session, kind, query)
    return resources.create(session, SavedInsight, name=name, description=description, kind=kind, query=dict(query))


async def change_insight(
    session: AsyncSession, insight_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> SavedInsight:
    """Change a kept question; raises Invalid for one that its insight would not take."""
    insight = await queries.lock_insight(session, insight_id, expected)
    with changing(session, insight, changes) as before:
        if "query" in before:
            _read(session, insight.kind, insight.query)
    return insight


async def delete_insight(session: AsyncSession, insight_id: UUID, *, expected: Precondition) -> None:
    """Throw a question away; dashboards that show it say so. Raises Conflict while KPIs ask it."""
    insight = await queries.lock_insight(session, insight_id, expected)
    rules.require_unasked(await ports_of(session, MetricsPorts).keys_asking(session, insight.id))
    await resources.delete(session, insight)


async def hold(session: AsyncSession, insight_id: UUID) -> bool:
    """Say whether an insight is there, and see to it that it stays until the transaction ends."""
    return await queries.hold(session, insight_id)


async def known(session: AsyncSession, insight_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some ids name insights of the workspace."""
    return await queries.known(session, insight_ids)


async def get_insight(session: AsyncSession, insight_id: UUID) -> SavedInsight:
    """Return an insight; raises NotFound."""
    return await queries.get_insight(session, insight_id)


async def answer(session: AsyncSession, insight: SavedInsight) -> tuple[datetime, Answered]:
    """Return when an insight was answered, at most a minute ago, and with what; raises TooHeavy, StoreUnavailable, Conflict."""
    answers, now = ports_of(session, MetricsPorts).answers, clock_of(session).now()
    kept = answers.find(insight.id, insight.version, now)
    if kept is not None:
        return kept
    found = await _insight(session, insight.kind).answer(session, _question(session, insight))
    answers.keep(insight.id, insight.version, now, found)
    return now, found


async def answer_as_of(
    session: AsyncSession, insight_id: UUID, as_of: datetime, *, days: int | None
) -> tuple[str, Mapping[str, Any]]:
    """Return an insight's kind and what it comes to at a time, of so many days, where the question does not say when itself.

    Raises NotFound, and what `answer` raises.
    """
    kind, asked = await question(session, insight_id)
    if isinstance(asked, Timed):
        asked = asked.until(as_of, days=days)
    return kind, (await _insight(session, kind).answer(session, asked)).body


async def question(session: AsyncSession, insight_id: UUID) -> tuple[str, BaseModel]:
    """Return an insight's kind and what it asks; raises NotFound, Conflict."""
    insight = await queries.get_insight(session, insight_id)
    return insight.kind, _question(session, insight)


async def picture(session: AsyncSession, insight: SavedInsight, *, locale: str | None) -> str:
    """Return an insight's answer as an SVG, in a language or the workspace's; raises what `answer` raises."""
    answered_at, found = await answer(session, insight)
    workspace = await workspaces.get(session)
    zone, week_start = rules.zone_of(insight.query, workspace.time_zone), WeekStart(workspace.week_start)
    question = _question(session, insight)
    frame = question.frame(now=answered_at, zone=zone, week_start=week_start) if isinstance(question, Timed) else None
    draw = partial(
        charts.draw,
        insight.kind,
        found.body,
        title=insight.name,
        locale=locale or workspace.locale,
        zone=zone,
        beside=Beside(frame, insight.query, await _notes(session, found.body)),
    )
    return await asyncio.to_thread(draw)  # some milliseconds, 0.1 s for the largest: others go on meanwhile


async def _notes(session: AsyncSession, body: Mapping[str, Any]) -> list[Note]:
    if not body.get("intervals"):
        return []
    starts = charts.starts_of(body)
    length = starts[-1] - starts[-2] if len(starts) > 1 else timedelta(days=1)
    noted = await annotating.between(session, starts[0], starts[-1] + length)
    return [Note(each.at, each.text) for each in noted]


def _question(session: AsyncSession, insight: SavedInsight) -> BaseModel:
    try:
        return _insight(session, insight.kind).schema.model_validate(insight.query)
    except ValidationError as error:
        raise Conflict("This insight's query is no longer understood; change it (PATCH).") from error


def _insight(session: AsyncSession, kind: str) -> Insight:
    found = ports_of(session, MetricsPorts).insights.get(kind)
    if found is None:
        raise Invalid("/kind", "cannot be answered here")
    return found


def _read(session: AsyncSession, kind: str, query: Mapping[str, Any]) -> BaseModel:
    try:
        return _insight(session, kind).schema.model_validate(query)
    except ValidationError as error:
        refused = [item | {"loc": ("body", *item["loc"])} for item in error.errors(include_url=False)[:ERRORS_SHOWN]]
        found = [field_error(item, query) for item in refused]
        raise Invalid.each(FieldError(f"/query{each.pointer}", each.detail) for each in found) from error
