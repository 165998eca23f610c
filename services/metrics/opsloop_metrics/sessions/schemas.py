"""HTTP shapes of sessions."""

from __future__ import annotations

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_metrics.shapes import InsightIn, Place


class SessionsIn(InsightIn):
    """How many sessions began in each interval, and how were they? `docs/insights.md` says what one is."""


class SessionsPersonsIn(InModel):
    """Whom to list: whose sessions began in the interval of that number (from 0; null: in any), of one event only if `bounced`."""

    query: SessionsIn
    interval: Place | None = None
    bounced: bool = False


class SessionsOut(OutModel):
    """By the interval that sessions began in; mean and share of none are null. From `incomplete_from` on intervals are not over."""

    intervals: list[Timestamp]
    sessions: list[int]
    average_seconds: list[float | None]
    bounce_rate: list[float | None]
    people: list[int]
    incomplete_from: int | None
