"""Decide what may be merged into what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from opsloop_common.errors import Conflict, TooMany
from opsloop_feedback.indexing.rules import Repeat
from opsloop_feedback.states.rules import FINISHED, Status

MERGED_INTO_ONE = 1_000
"""Posts that one stands for: whose authors are counted anew with each that joins."""


class Post(Protocol):
    """A post, as far as merging is concerned."""

    @property
    def id(self) -> UUID: ...

    @property
    def status(self) -> str: ...

    @property
    def merged_into_id(self) -> UUID | None: ...


def joins(repeats: Sequence[Repeat], known: Mapping[UUID, Post]) -> dict[UUID, UUID]:
    """Return which posts join which by themselves: none that another joins, the earlier first."""
    found: dict[UUID, UUID] = {}
    for repeat in repeats:
        source = known.get(repeat.feedback_id)
        if source is None or not may_join(source):
            continue
        for id in repeat.others:
            root = known[id].merged_into_id or id if id in known else None
            root = found.get(root, root) if root is not None else None
            if root is not None and root != source.id and root in known and may_be_joined(known[root]):
                found[source.id] = root
                break
    return found


def require_apart(source: Post, target: Post) -> None:
    """Raise Conflict (409) unless both stand for themselves; it says who stands for the one that does not."""
    for post, what in ((source, "This feedback"), (target, "The feedback to merge into")):
        if post.merged_into_id is not None:
            into = str(post.merged_into_id)
            raise Conflict(f"{what} was merged into another.", extra={"merged_into": into})


def require_room(members: int) -> None:
    """Raise TooMany (409) when one would stand for more than it may."""
    if members > MERGED_INTO_ONE:
        raise TooMany(f"One feedback stands for at most {MERGED_INTO_ONE:,} others.")


def may_join(source: Post) -> bool:
    """Say whether a post may join another by itself: nobody has done anything about it."""
    return source.status == Status.NEW and source.merged_into_id is None


def may_be_joined(target: Post) -> bool:
    """Say whether posts may join this one by themselves: what comes back after it was finished is for people to see."""
    return target.merged_into_id is None and target.status not in FINISHED and target.status != Status.MERGED
