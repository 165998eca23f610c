"""What a service declares about its due work: the kinds of rows, and what to do with one that is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

if TYPE_CHECKING:
    from opsloop_common.due.jobs import JobRun, LongRun


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
RoundHandler = Callable[["LongRun"], Awaitable[None]]
Per = Literal["service", "workspace"]


@dataclass(frozen=True)
class DueKind:
    """A kind of due work.

    A short kind's handler gets a session whose one transaction, in the row's workspace, also takes the row away: its effect
    happens once. A `long` kind's handler gets a JobRun, opens short transactions of its own, and is resumed after a crash.
    An exception means another try later (1 s, 5 s, 25 s … 10 min, with jitter); after `max_attempts` the row is `failed` and
    stays. None: it is never given up; for kinds by whose rows alone something goes on (a monitor looks, a campaign sends).
    `concurrency` rows of the kind run at once in a process, half of them of workspaces that held little lately;
    `per_group` of one group run over all processes. A short handler is stopped after `lease_seconds`.

    With `every` the work recurs, once for the service (in no workspace) or for each workspace that it knows: the runner makes
    the rows (`due.recurring`), and puts each to its next turn when it is done. It is never given up. A handler that did only a
    part of what there is calls `recurring.go_on`. A `long` one gets a LongRun, whose transactions are its own to divide.
    """

    name: str
    handler: DueHandler | JobHandler | RoundHandler
    concurrency: int = 4
    per_group: int | None = None
    lease_seconds: float = 60.0
    max_attempts: int | None = 8
    long: bool = False
    every: timedelta | None = None
    per: Per = "service"

    def __post_init__(self) -> None:
        if any(bound is not None and bound < 1 for bound in (self.concurrency, self.per_group, self.max_attempts)):
            raise ValueError(f"{self.name}: concurrency, per_group and max_attempts are at least 1")
        if self.every is not None:
            if self.every <= timedelta():
                raise ValueError(f"{self.name}: every is longer than nothing")
            object.__setattr__(self, "max_attempts", None)

    @property
    def is_endless(self) -> bool:
        """Say whether its rows are never given up."""
        return self.max_attempts is None

    @property
    def is_job(self) -> bool:
        """Say whether its rows carry jobs, whose progress people can watch."""
        return self.long and self.every is None
