"""The feed goes round once a minute."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.due import DueKind
from opsloop_common.due.jobs import LongRun
from opsloop_metrics.domain_feed import service


async def feed_domain_events(run: LongRun) -> None:
    """Bring over what other services said since the last time."""
    await service.feed(run)


DUE = (
    DueKind(
        "metrics.feed_domain_events",
        feed_domain_events,
        every=timedelta(minutes=1),
        per="workspace",
        concurrency=1,
        long=True,
    ),
)
