"""Who gets a post: the first rule whose conditions hold says the team, and how of its people one is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from opsloop_common.errors import Invalid
from opsloop_common.filters import Term, all_hold
from opsloop_feedback.calendars.rules import ALWAYS, Calendar, is_open


class Pick(StrEnum):
    """How somebody of a team is chosen."""

    NOBODY = "nobody"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


@dataclass(frozen=True)
class Rule:
    """A rule as posts are held against it."""

    id: UUID
    name: str
    when: Sequence[Term]
    team_id: UUID | None
    assignee: str | None
    pick: Pick
    within_hours: bool
    escalate_after: timedelta | None


@dataclass
class Crew:
    """A team while posts are handed out: who may get one, when whoever got the last one did, and how many each has."""

    name: str
    members: Sequence[Mapping[str, Any]]
    calendar_id: UUID | None
    turns: dict[str, int] = field(default_factory=dict)
    loads: dict[str, int] = field(default_factory=dict)

    def choose(
        self, pick: Pick, *, within_hours: bool, calendars: Mapping[UUID, Calendar], now: datetime
    ) -> str | None:
        """Return who gets the next post and count it as theirs; None when nobody may."""
        may: list[str] = [one["user_id"] for one in self.members if not one["is_away"]]
        if within_hours:
            works = {one["user_id"]: self._is_at_work(one, calendars, now) for one in self.members}
            may = [user_id for user_id in may if works[user_id]]
        if pick is Pick.NOBODY or not may:
            return None
        loaded = self.loads if pick is Pick.LEAST_LOADED else {}
        chosen = min(may, key=lambda user_id: (loaded.get(user_id, 0), self.turns.get(user_id, 0), may.index(user_id)))
        self.turns[chosen] = max(self.turns.values(), default=0) + 1
        self.loads[chosen] = self.loads.get(chosen, 0) + 1
        return chosen

    def _is_at_work(self, member: Mapping[str, Any], calendars: Mapping[UUID, Calendar], now: datetime) -> bool:
        own = UUID(member["calendar_id"] or str(UUID(int=0)))
        return is_open(calendars.get(own, ALWAYS) if own in calendars else self.calendar(calendars), now)

    def calendar(self, calendars: Mapping[UUID, Calendar]) -> Calendar:
        """Return when the team works."""
        return ALWAYS if self.calendar_id is None else calendars.get(self.calendar_id, ALWAYS)

    def calendar_ids(self) -> set[UUID]:
        """Return the calendars of the team and its people."""
        own = {UUID(one["calendar_id"]) for one in self.members if one["calendar_id"]}
        return own | ({self.calendar_id} if self.calendar_id is not None else set())


def rule_of(rules: Iterable[Rule], document: Mapping[str, Any]) -> Rule | None:
    """Return the first rule whose conditions hold."""
    return next((rule for rule in rules if all_hold(rule.when, document)), None)


def require_somebody(team_id: UUID | None, assignee: str | None, pick: Pick) -> None:
    """Raise Invalid (422) for a rule that gives posts to nobody, or chooses where there is nobody to choose from."""
    if team_id is None and assignee is None:
        raise Invalid("/team_id", "a rule names a team or an assignee")
    if pick is not Pick.NOBODY and (team_id is None or assignee is not None):
        raise Invalid("/pick", "of a team somebody is picked, unless the rule names an assignee")


def require_onward(after: timedelta | None, team_id: UUID | None, assignee: str | None) -> None:
    """Raise Invalid (422) unless an escalation says both after how long and to whom."""
    if (after is None) is not (team_id is None and assignee is None):
        raise Invalid("/escalate_after", "an escalation has a time, and a team or an assignee")
