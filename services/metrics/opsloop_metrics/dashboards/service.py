"""Use cases of dashboards: put together, change, throw away, and answer all tiles together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.deadline import stopped
from opsloop_common.errors import DomainError
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.dashboards import queries, rules
from opsloop_metrics.dashboards.models import Dashboard
from opsloop_metrics.dashboards.rules import Tile
from opsloop_metrics.saved_insights import service as saved_insights

OpenSession = Callable[[], AsyncSession]


async def create_dashboard(
    session: AsyncSession, *, name: str, description: str | None, tiles: list[dict[str, Any]]
) -> Dashboard:
    """Put a dashboard together; raises Invalid for a tile of no insight."""
    await _require_known(session, tiles)
    return resources.create(session, Dashboard, name=name, description=description, tiles=tiles)


async def change_dashboard(
    session: AsyncSession, dashboard_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Dashboard:
    """Change a dashboard; raises Invalid for a tile of no insight."""
    dashboard = await queries.lock_dashboard(session, dashboard_id, expected)
    with changing(session, dashboard, changes) as before:
        if "tiles" in before:
            # those of insights that went meanwhile may stay, so that others can be moved around them
            stood = {tile["insight_id"] for tile in before["tiles"]}
            await _require_known(session, [tile for tile in dashboard.tiles if tile["insight_id"] not in stood])
    return dashboard


async def delete_dashboard(session: AsyncSession, dashboard_id: UUID, *, expected: Precondition) -> None:
    """Throw a dashboard away; its insights stay."""
    await resources.delete(session, await queries.lock_dashboard(session, dashboard_id, expected))


async def _require_known(session: AsyncSession, tiles: list[dict[str, Any]]) -> None:
    ids = [UUID(tile["insight_id"]) for tile in tiles]
    if ids:
        rules.require_known(ids, await saved_insights.known(session, ids))


async def answers(open_session: OpenSession, tiles: list[dict[str, Any]]) -> list[Tile]:
    """Return what became of each tile: a few at a time, each in a session of its own, all within one time limit.

    Whatever one of them comes to, the others are answered. The store gives this workspace its turns.
    """
    places = asyncio.Semaphore(rules.TILES_AT_ONCE)
    until = asyncio.get_running_loop().time() + rules.DASHBOARD_SECONDS

    async def answer(tile: Tile) -> Tile:
        try:
            async with asyncio.timeout_at(until), places, open_session() as session:
                return await _answer(session, tile)
        except TimeoutError:
            code, detail = rules.SLOW
            return replace(tile, error={"code": code, "detail": detail})

    with stopped():  # the limit above stands instead of the one for what waits for the database
        return await asyncio.gather(*(answer(Tile(UUID(each["insight_id"]), each["width"])) for each in tiles))


async def _answer(session: AsyncSession, tile: Tile) -> Tile:
    try:
        insight = await saved_insights.get_insight(session, tile.insight_id)
        tile = replace(tile, name=insight.name, kind=insight.kind)
        answered_at, found = await saved_insights.answer(session, insight)
    except DomainError as error:
        return replace(tile, error=rules.refusal(error))
    return replace(tile, answered_at=answered_at, answer=found.body)
