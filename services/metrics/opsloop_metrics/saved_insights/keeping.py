"""The newest answers of saved insights, in the memory of this process."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from opsloop_metrics.saved_insights.rules import ANSWER_SECONDS

AnswerT = TypeVar("AnswerT")
_KEPT = 500


class Answers(Generic[AnswerT]):
    """The newest answers, each for a minute. A change of the question makes another version, which has none."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, int], tuple[datetime, AnswerT]] = OrderedDict()

    def find(self, insight_id: UUID, version: int, now: datetime) -> tuple[datetime, AnswerT] | None:
        """Return when an answer was found and what it was, None where none holds any more."""
        found = self._kept.get((insight_id, version))
        if found is None or not timedelta() <= now - found[0] < timedelta(seconds=ANSWER_SECONDS):
            return None
        return found

    def keep(self, insight_id: UUID, version: int, now: datetime, answered: AnswerT) -> None:
        """Keep an answer, and forget the oldest where there are too many."""
        self._kept[insight_id, version] = (now, answered)
        self._kept.move_to_end((insight_id, version))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
