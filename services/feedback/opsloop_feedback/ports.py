"""What rooms of feedback reach without knowing it; found with `ports_of`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Memory(Protocol):
    """What each workspace sorts by, in the memory of the process (`sorters.service.Sorters`).

    Who changes it only says so: were they to know what is kept, rooms would know each other in a circle.
    """

    def forget(self, workspace: str) -> None:
        """Have what a workspace sorts by read again."""


@dataclass(frozen=True)
class FeedbackPorts:
    """What the service keeps open."""

    sorters: Memory
