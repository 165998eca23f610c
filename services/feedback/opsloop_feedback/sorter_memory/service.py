"""The memory of one service in one process. Who changes a rule knows this room, and not what is kept: else rooms would know each other
in a circle."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of, count_after_commit, meters_of

KEPT_SECONDS = 5
KEPT = timedelta(seconds=KEPT_SECONDS)
WORKSPACES = 256


@dataclass
class Kept:
    """What a workspace sorts by, what it was read from, and until when nobody asks again."""

    sorter: Any = None
    stamp: str | None = None
    until: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def holds(self, now: datetime) -> bool:
        """Say whether it still counts."""
        return self.until is not None and now < self.until <= now + KEPT


class Memory:
    """What the workspaces sort by that posted last, and how often it had to be read. One of each registry, as meters are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self.reads = Counter("opsloop_feedback_sorter_reads", "Reads of what a workspace sorts by", registry=registry)

    def find(self, workspace: str, now: datetime) -> Any:
        """Return what a workspace sorts by, None when that has to be read."""
        kept = self._kept.get(workspace)
        return kept.sorter if kept is not None and kept.holds(now) else None

    def place(self, workspace: str) -> Kept:
        """Return the place of a workspace, as the one used last; the longest unused one goes where there are too many."""
        kept = self._kept.setdefault(workspace, Kept())
        self._kept.move_to_end(workspace)
        while len(self._kept) > WORKSPACES:
            self._kept.popitem(last=False)
        return kept

    def forget(self, workspace: str) -> None:
        """Have what a workspace sorts by read again: it has just been changed."""
        if workspace in self._kept:
            self._kept[workspace].until = None


def forget_after_commit(session: AsyncSession) -> None:
    """Have what the session's workspace sorts by read again once its transaction has committed."""
    count_after_commit(session, partial(meters_of(session, Memory).forget, context_of(session).workspace))
