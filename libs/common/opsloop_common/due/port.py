"""What the queue engine works with: pieces of work, the gates they pass, and the room whose queue it is (`Work`)."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from opsloop_common.shares import Places

Line = tuple[str, str]
"""A workspace and a group of it."""


class Item(Protocol):
    """One claimed piece of work."""

    @property
    def id(self) -> Hashable:
        """Return the queue row's id."""
        ...

    @property
    def kind(self) -> str:
        """Return what kind of work it is, for meters."""
        ...

    @property
    def workspace(self) -> str:
        """Return whose share it takes."""
        ...

    @property
    def group(self) -> str:
        """Return the group, of its workspace alone, whose places it needs."""
        ...


ItemT = TypeVar("ItemT", bound=Item)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Gate:
    """What the workspaces share that a line needs a place of: all of it at once, each known by its keys."""

    parts: tuple[tuple[Places, tuple[Hashable, ...]], ...]

    def has_room(self) -> bool:
        """Say whether there is a place of each."""
        return all(places.has_room(*keys) for places, keys in self.parts)

    def enter(self) -> None:
        """Take a place of each."""
        for places, keys in self.parts:
            places.enter(*keys)

    def leave(self) -> None:
        """Give them back."""
        for places, keys in self.parts:
            places.leave(*keys)

    def weight(self) -> float:
        """Return how much those who come this way kept others waiting lately: the lightest goes first."""
        return sum(places.burden(*keys) for places, keys in self.parts)


@dataclass(frozen=True)
class Ask:
    """What a claim may bring: `share` rows of a workspace, `limit` in all, none of workspaces that are `full`."""

    now: datetime
    owner: UUID
    limit: int
    share: int
    full: Collection[str]
    held: Mapping[Line, int]
    """How many rows of each line this process has already."""


@dataclass(frozen=True)
class Claimed(Generic[ItemT]):
    """Rows that are claimed and committed, and when the next one becomes due, as far as that is known."""

    items: Sequence[ItemT]
    next_at: datetime | None = None


class Work(Protocol[ItemT, ResultT]):
    """What the engine asks of the room whose queue it works off."""

    table: str
    """The queue's table; wake-ups for it have its name."""
    kinds: Collection[str]
    never_left: int
    """A claim takes all that is due of a line unless this process then holds at least so many of it."""
    poll_seconds: float
    """How often the queue is looked at without a wake-up."""
    gather_seconds: float
    """Wake-ups of so long a moment are answered together."""
    record_seconds: float
    """Results of so long a moment are recorded together; what is done in it is done again after a crash."""
    drain_seconds: float
    """What is in flight has so long to end when the process does."""
    ended: str
    """What an UPDATE sets of a queue row that is not to be claimed any more, without an outcome."""

    async def claim(self, ask: Ask) -> Claimed[ItemT]:
        """Claim due rows, workspaces in turn, committed, and load what performing them needs."""
        ...

    def places(self, item: ItemT) -> float:
        """Return how many of the line that an item stands first in may be in flight just now."""
        ...

    def opens_in(self, item: ItemT) -> float:
        """Return after how many seconds there are more such places, 0 when that is up to what is in flight."""
        ...

    def begins(self, item: ItemT) -> None:
        """Hear that an item takes its place."""
        ...

    def gate(self, item: ItemT) -> Gate:
        """Return what a line shares with others; the same for all of a line."""
        ...

    async def perform(self, item: ItemT) -> ResultT:
        """Do the work, outside any transaction of the engine's. Every foreseeable failure is a result."""
        ...

    def broken(self, item: ItemT, error: Exception) -> ResultT:
        """Return the result of a `perform` that raised."""
        ...

    def settles(self, result: ResultT) -> bool:
        """Say whether nothing is left to record: the work took its row away itself, which may be claimed again by now."""
        ...

    async def record(self, results: Sequence[ResultT], *, owner: UUID) -> None:
        """Write the results down, many rows a statement, and commit them; what no longer is `owner`'s is left alone.

        Raises when one of them cannot be recorded: then it is asked for fewer, as far as nothing else is wrong.
        """
        ...

    def bare(self, result: ResultT) -> ResultT:
        """Return a result that could not be recorded without anything that others said: the same outcome, in our words."""
        ...

    def goes_on_elsewhere(self, item: ItemT) -> bool:
        """Say whether work in flight is stopped at once when the process ends, since another resumes it."""
        ...


class Taker(Protocol):
    """What an engine is to those who make new work in its process; found in `wakeups.takers` under the queue's name."""

    @property
    def owner(self) -> UUID:
        """Return whose claims the rows are that it works on."""
        ...

    def room(self, workspace: str, group: str) -> int:
        """Return how many new rows of a group may be claimed for `owner` as they are made, and handed to `take`."""
        ...

    def spare(self, workspace: str) -> int:
        """Return how many that may be of a workspace in all: who gives several groups their room counts."""
        ...

    def handing_over(self, lines: Mapping[Hashable, Line]) -> AbstractContextManager[None]:
        """Return a context within which rows, by their ids, may come to be claimed for `owner`, and are taken."""
        ...

    def take(self, items: Sequence[Any]) -> None:
        """Work on rows that are committed and claimed for `owner`, each once; one that is never taken is soon free again."""
        ...
