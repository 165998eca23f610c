"""A world in which questions are kept: insights that answer without an event store, quickly, slowly or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, RootModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.errors import Invalid
from opsloop_common.http.schemas import InModel, ShortText
from opsloop_metrics.ports import Insight
from opsloop_metrics.store.port import StoreUnavailable, TooHeavy
from services.metrics.tests.chart_answers import ANSWERS


class Where(InModel):
    """A condition, for pointers that go deep."""

    field: ShortText
    value: int


class Question(InModel):
    """What all insights here take; `fails` says how one does."""

    event: ShortText | None = None
    time_zone: ShortText | None = None
    where: list[Where] = Field(default_factory=list)
    fails: ShortText | None = None


FAILURES: dict[str, Callable[[], Exception]] = {
    "heavy": lambda: TooHeavy("It took more memory than a query may; ask for a shorter time."),
    "down": lambda: StoreUnavailable("The event store does not answer."),
    "invalid": lambda: Invalid("/to", "has to be after from"),
}


@dataclass
class Asked:
    """Notes what was asked, and how many asked at once."""

    questions: list[tuple[str, Question]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    begun: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def insight(self, kind: str) -> Insight:
        """Return an insight of a kind that answers with what tests of charts draw."""

        async def find(session: AsyncSession, query: Question) -> dict[str, Any]:
            self.questions.append((kind, query))
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                # each tile's session is its own: two at once on one would be refused
                await session.execute(text("SELECT pg_sleep(0.01)"))
                self.begun.release()
                if query.fails == "hangs":
                    await asyncio.Event().wait()
                if query.fails is not None:
                    raise FAILURES[query.fails]()
                return ANSWERS[kind]
            finally:
                self.running -= 1

        return Insight(
            Question,
            find,
            RootModel[dict[str, Any]].model_validate,
            lambda found: (("what", "count"), [("=1+1", 1), ("注册", 2)]),
        )


def all_insights(asked: Asked) -> dict[str, Any]:
    """Return an insight of each kind."""
    return {kind: asked.insight(kind) for kind in ANSWERS}
