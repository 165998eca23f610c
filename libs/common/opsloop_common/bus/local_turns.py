"""The order in which a strand of the local bus takes its events: workspaces in turn, each workspace's events as they came."""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import Generic, TypeVar

from opsloop_common.bus.port import BATCH_LIMIT

TURN = 20
"""Events of one workspace that are applied before the next one's: with 100 endpoints each they are 2,000 deliveries to plan."""

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits in one strand. A stream belongs to one workspace, so that turns change the order of no stream."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many workspaces wait."""
        return len(self._waiting)

    def append(self, workspace: str, item: T) -> None:
        """Put an event behind the others of its workspace."""
        self._waiting.setdefault(workspace, deque()).append(item)

    def next_turn(self) -> list[T]:
        """Return what is applied next, all of one workspace: a full batch where no other waits. It stays until `done`."""
        waiting = next(iter(self._waiting.values()), ())
        return list(islice(waiting, BATCH_LIMIT if len(self._waiting) == 1 else TURN))

    def done(self, count: int) -> None:
        """Take away so many that the last turn gave; its workspace comes again after the others."""
        workspace, waiting = self._waiting.popitem(last=False)
        for _ in range(count):
            waiting.popleft()
        if waiting:
            self._waiting[workspace] = waiting
