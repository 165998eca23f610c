"""How an insight asks: in the time and zone of whoever asks, in their workspace's turn."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.conditions import Condition
from opsloop_common.db import clock_of, context_of, ports_of, settle
from opsloop_common.deadline import stopped
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import USUAL_DAYS, Frame, Interval, WeekStart, frame_of
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.store.port import EventStore, Table, TooHeavy


async def open_frame(
    session: AsyncSession,
    *,
    interval: Interval | None,
    start: date | datetime | None,
    end: date | datetime | None,
    zone: str | None,
    week_start: WeekStart | None,
    where: tuple[Condition, ...],
    include_filtered: bool,
    lighter: str = "a shorter time",
    days: int = USUAL_DAYS,
    by_day: bool = False,
) -> Frame:
    """Return what a query looks at; zone and week are the workspace's where it names none. Raises Invalid."""
    workspace = context_of(session).workspace
    await ports_of(session, MetricsPorts).feed.begin(session)
    settings = await workspaces.get(session)
    merges = await _store(session).query(
        "SELECT 1 FROM opsloop.person_override WHERE workspace = {w:String} LIMIT 1",
        {"w": workspace},
        workspace=workspace,
    )
    frame = frame_of(
        workspace=workspace,
        now=clock_of(session).now(),
        zone=zone or settings.time_zone,
        week_start=week_start or WeekStart(settings.week_start),
        interval=interval,
        start=start,
        end=end,
        days=days,
        by_day=by_day,
        where=where,
        include_filtered=include_filtered,
        has_merges=bool(merges.rows),
        lighter=lighter,
    )
    await settle(session)  # the answer may take seconds, and whoever waits for it holds no connection
    return frame


async def ask(session: AsyncSession, frame: Frame, sql: str, bind: Binding) -> Table:
    """Ask the event store; raises TooHeavy, which says what would be lighter, and StoreUnavailable."""
    with stopped():  # the store has bounds of its own
        try:
            return await _store(session).query(sql, bind.values, workspace=frame.workspace)
        except TooHeavy as error:
            raise TooHeavy(f"{error.detail} Ask for {frame.lighter}.") from error


def _store(session: AsyncSession) -> EventStore:
    return ports_of(session, MetricsPorts).store
