"""What orders brought, beside who was there."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import replace
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import settle
from opsloop_metrics.insights.periods import Frame, midnight
from opsloop_metrics.orders import rules as money
from opsloop_metrics.orders import service as orders
from opsloop_metrics.revenues import rules
from opsloop_metrics.revenues.queries import count_events
from opsloop_metrics.revenues.rules import Asked, Counted, KFactor, Revenue
from opsloop_metrics.store_downloads import service as store_downloads


async def answer(session: AsyncSession, frame: Frame, asked: Asked) -> Revenue:
    """Return what orders of one currency brought; raises Invalid, TooHeavy, StoreUnavailable."""
    rules.require_pair(asked)
    frame = frame.aligned()
    by_cohort = replace(frame, interval=asked.cohorts)
    rules.require_cohorts(len(by_cohort.edges) - 1)
    currency = rules.currency_of(asked.currency, await orders.currencies(session))
    if currency is None:
        sold, refunded, lived = [], [], []
    else:
        sold = await orders.sold(session, currency, frame.edges, frame.end)
        refunded = await orders.refunded(session, currency, frame.edges, frame.end)
        lived = await orders.lived(session, currency, by_cohort.edges, frame.end)
    downloads = await _downloads(session, frame)
    await settle(session)  # the event store may take seconds
    active = await count_events(session, frame, rules.ACTIVITY)
    signups = None if asked.signup is None else await count_events(session, frame, asked.signup)
    each, totals = rules.sales_of(len(frame.edges) - 1, sold, refunded, active, downloads=downloads, signups=signups)
    return Revenue(
        currency=currency,
        currency_digits=0 if currency is None else money.digits_of(currency),
        intervals=list(frame.edges[:-1]),
        each=each,
        totals=totals,
        interval=asked.cohorts,
        cohorts=rules.cohorts_of(by_cohort.edges, min(frame.now, frame.end), lived),
        k_factor=await _k_factor(session, frame, asked, active),
        incomplete_from=frame.incomplete_from,
    )


async def _downloads(session: AsyncSession, frame: Frame) -> Counter[int]:
    """Return downloads by place: those of a day in the interval in which it begins, in whatever zone its store counts days."""
    zone, edges = ZoneInfo(frame.zone), frame.edges
    found = await store_downloads.by_day(session, *(at.astimezone(zone).date() for at in (frame.start, frame.end)))
    by_place: Counter[int] = Counter()
    for day, count in found:
        if frame.start <= (begun := midnight(day, frame.zone)) < frame.end:
            by_place[bisect_right(edges, begun) - 1] += count
    return by_place


async def _k_factor(session: AsyncSession, frame: Frame, asked: Asked, active: Counted) -> KFactor | None:
    if asked.invite is None or asked.joined is None:
        return None
    invited = await count_events(session, frame, asked.invite)
    joined = await count_events(session, frame, asked.joined)
    whole = rules.WHOLE
    return KFactor(
        active.people.get(whole, 0),
        inviters=invited.people.get(whole, 0),
        invitations=invited.events.get(whole, 0),
        joined=joined.people.get(whole, 0),
    )
