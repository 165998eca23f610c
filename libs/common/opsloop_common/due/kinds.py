"""What a service declares about its due work: the kinds of rows, and what to do with one that is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

if TYPE_CHECKING:
    from opsloop_common.due.jobs import JobRun


@dataclass(frozen=True)
class DueRow:
    """One due row as its handler sees it. `attempts` counts this try: 1 at the first."""

    id: int
    workspace: str
    kind: str
    key: str
    payload: dict[str, Any]
    priority: int
    group: str
    due_at: datetime
    attempts: int


DueHandler = Callable[[AsyncSession, DueRow], Awaitable[None]]
JobHandler = Callable[["JobRun"], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True)
class DueKind:
    """A kind of due work.

    A short kind's handler gets a session whose one transaction, in the row's workspace, also takes the row away: its effect
    happens once. A `long` kind's handler gets a JobRun, opens short transactions of its own, and is resumed after a crash.
    An exception means another try later (1 s, 5 s, 25 s … 10 min, with jitter); after `max_attempts` the row is `failed` and
    stays. `concurrency` rows of the kind run at once in a process, a quarter of them of workspaces that held little lately;
    `per_group` of one group run over all processes. A short handler is stopped after `lease_seconds`.
    """

    name: str
    handler: DueHandler | JobHandler
    concurrency: int = 4
    per_group: int | None = None
    lease_seconds: float = 60.0
    max_attempts: int = 8
    long: bool = False

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.max_attempts < 1 or (self.per_group is not None and self.per_group < 1):
            raise ValueError(f"{self.name}: concurrency, per_group and max_attempts are at least 1")
