"""Say what a definition names that nothing is called."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of, ports_of
from opsloop_common.deadline import stopped
from opsloop_metrics.hints import queries, rules
from opsloop_metrics.hints.rules import Known, Warning
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.store.port import StoreUnavailable, TooHeavy

PATIENCE_SECONDS = 2.0


async def warnings(session: AsyncSession, stored: Mapping[str, Any] | None) -> list[Warning]:
    """Return what a definition names that nothing is called; of nothing, and where the event store has no time for it, none."""
    asked = [] if stored is None else list(rules.named(stored))
    if not asked:
        return []
    store, workspace = ports_of(session, MetricsPorts).store, context_of(session).workspace
    names = sorted({each.name for each in asked if each.kind == "event"})
    channels = sorted({each.name for each in asked if each.kind == "channel"})
    of_properties = sorted({each.event for each in asked if each.kind == "property" and each.event is not None})
    try:
        with stopped():
            async with asyncio.timeout(PATIENCE_SECONDS):
                known = Known(
                    await queries.events(store, workspace, names) if names else frozenset(),
                    await queries.properties(store, workspace, of_properties) if of_properties else {},
                    await queries.channels(store, workspace, channels) if channels else frozenset(),
                )
    except (TooHeavy, StoreUnavailable, TimeoutError):
        return []
    return await asyncio.to_thread(rules.warnings, asked, known)
