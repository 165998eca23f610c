"""HTTP shapes of teams."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, UserId, absent
from opsloop_feedback.shapes import Label


class MemberIn(InModel):
    """Somebody of a team; while away they are given nothing. `calendar_id` null: they work when their team does."""

    user_id: UserId
    calendar_id: UUID | None = None
    is_away: bool = False


def _once(members: list[MemberIn]) -> list[MemberIn]:
    if len({one.user_id for one in members}) < len(members):
        raise ValueError("must name nobody twice")
    return members


Members = Annotated[list[MemberIn], Field(max_length=200), AfterValidator(_once)]


class TeamIn(InModel):
    """A team. Its name stays: posts have it as their `team`. `calendar_id` null: it works round the clock."""

    name: Label
    calendar_id: UUID | None = None
    members: Members = Field(default_factory=list)


class TeamPatch(InModel):
    """What to change; fields left out stay."""

    calendar_id: UUID | None = None
    members: Members = Field(default_factory=absent)


class MemberOut(OutModel):
    """Somebody of a team."""

    user_id: str
    calendar_id: UUID | None
    is_away: bool


class TeamOut(OutModel):
    """A team."""

    id: UUID
    name: str
    calendar_id: UUID | None
    members: list[MemberOut]
    created_at: Timestamp
    updated_at: Timestamp
