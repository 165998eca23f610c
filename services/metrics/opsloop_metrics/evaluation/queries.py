"""What is asked of the history of evaluations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from opsloop_metrics.evaluation.models import Evaluation

NEWEST_FIRST = (Evaluation.at.desc(), Evaluation.slot.desc(), Evaluation.state.desc())


def evaluations(monitor_id: UUID, *, seen_from: datetime | None, seen_to: datetime | None) -> Select[Any]:
    """Return a monitor's history with `at` in `[from, to)`."""
    found = select(Evaluation).where(Evaluation.monitor_id == monitor_id)
    if seen_from is not None:
        found = found.where(Evaluation.at >= seen_from)
    if seen_to is not None:
        found = found.where(Evaluation.at < seen_to)
    return found
