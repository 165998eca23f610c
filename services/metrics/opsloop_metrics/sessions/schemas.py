"""HTTP shapes of sessions."""

from __future__ import annotations

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.shapes import InsightIn


class SessionsIn(InsightIn):
    """How many sessions began in each interval, and how were they? `docs/insights.md` says what one is."""


class SessionsOut(OutModel):
    """By the interval that sessions began in; mean and share of none are null. From `incomplete_from` on intervals are not over."""

    intervals: list[Timestamp]
    sessions: list[int]
    average_seconds: list[float | None]
    bounce_rate: list[float | None]
    people: list[int]
    incomplete_from: int | None
