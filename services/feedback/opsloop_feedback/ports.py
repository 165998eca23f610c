"""What rooms of feedback reach without knowing it; found with `ports_of`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from opsloop_common.db import Context, Database
from opsloop_feedback.sorting.rules import Sorter


class Sorting(Protocol):
    """What each workspace sorts by, in the memory of the process."""

    def find(self, workspace: str, now: datetime) -> Sorter | None:
        """Return what a workspace sorts by, None when that has to be read."""

    def forget(self, workspace: str) -> None:
        """Have what a workspace sorts by read again."""

    async def read(self, database: Database, context: Context) -> Sorter:
        """Read what a workspace sorts by."""


@dataclass(frozen=True)
class FeedbackPorts:
    """What the service keeps open."""

    sorters: Sorting
