"""What happens to objectives."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData


class GoalAtRisk(EventData):
    """An objective fell behind its time: it became at risk, or off track. One event each time it becomes so, none on the way back."""

    type = "goal.at_risk"
    aggregate = "objective"
    route = "/v1/objectives/{objective_id}"

    objective_id: UUID
    title: str
    period: str | None = None
    first_day: date
    last_day: date
    state: Literal["at_risk", "off_track"]
    progress: float
    pace: float
    key_result_ids: list[UUID]
    """Those that are behind themselves."""


EVENTS: tuple[type[EventData], ...] = (GoalAtRisk,)
