"""HTTP shapes of paths."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, said
from opsloop_metrics.paths.rules import Direction, NodeField, Paths
from opsloop_metrics.shapes import EventFilterIn, RangeIn

Point = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]


class PathsIn(RangeIn):
    """What follows what within sessions, from `start` on or up to `end`? `docs/insights.md` says what each word means."""

    field: NodeField = NodeField.PATH
    events: Annotated[list[EventFilterIn], Field(max_length=20)] = Field(default_factory=list)
    direction: Direction = Direction.FORWARD
    start_point: Point | None = Field(default=None, alias="start")
    end_point: Point | None = Field(default=None, alias="end")
    steps: Annotated[int, Field(ge=2, le=20)] = 5
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50

    def to_paths(self) -> Paths:
        """Return it as rules take it."""
        return Paths(
            field=self.field,
            events=tuple(each.to_filter() for each in self.events),
            direction=self.direction,
            start=self.start_point,
            end=self.end_point,
            steps=self.steps,
            limit=self.limit,
        )


NodeName = Annotated[str, StringConstraints(min_length=3, max_length=100_000), AfterValidator(said)]
"""A node as an answer has it: `2_/pricing`."""


class PathsPersonsIn(InModel):
    """Whom to list: who has a session with the node `target`, directly after the node `source` if that is given."""

    query: PathsIn
    source: NodeName | None = None
    target: NodeName


class PathNodeOut(OutModel):
    """A node: its place in the session and its name, `2_/pricing`; in how many sessions it is there."""

    name: str
    count: int


class PathEdgeOut(OutModel):
    """What leads to what, and in how many sessions."""

    source: str
    target: str
    count: int


class PathsOut(OutModel):
    """The most frequent edges, and the nodes between which they are; of all `sessions` `single` have one node, and so no edge."""

    sessions: int
    single: int
    nodes: list[PathNodeOut]
    edges: list[PathEdgeOut]
