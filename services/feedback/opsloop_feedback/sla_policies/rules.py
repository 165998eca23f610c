"""Which policy a post is held to: the first, in their order, whose conditions hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from opsloop_common.errors import Invalid
from opsloop_common.filters import Term, all_hold


class Target(StrEnum):
    """What a clock runs for."""

    FIRST_REPLY = "first_reply"
    NEXT_REPLY = "next_reply"
    RESOLUTION = "resolution"


@dataclass(frozen=True)
class Policy:
    """A policy as clocks take it over: what is changed in it later is for posts to come."""

    id: UUID
    name: str
    made_at: datetime
    when: Sequence[Term]
    calendar_id: UUID | None
    targets: Mapping[Target, timedelta]
    approaching_percent: int

    def warns_after(self, target: Target) -> timedelta:
        """Return after how much working time a breach is said to approach."""
        return self.targets[target] * self.approaching_percent / 100


def policy_of(policies: Iterable[Policy], document: Mapping[str, Any], received_at: datetime) -> Policy | None:
    """Return the policy that a post is held to; what came in before a policy was made is not held to it."""
    return next(
        (one for one in policies if one.made_at <= received_at and all_hold(one.when, document)),
        None,
    )


def require_target(targets: Iterable[timedelta | None]) -> None:
    """Raise Invalid (422) for a policy that promises nothing."""
    if not any(targets):
        raise Invalid("/first_reply", "a policy has at least one of first_reply, next_reply and resolution")
