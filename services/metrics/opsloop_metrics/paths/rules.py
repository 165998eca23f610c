"""What is asked about paths, and how counts become an answer (docs/insights.md §8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter

_NODE = re.compile(r"([1-9][0-9]?)_(.+)", re.DOTALL)


class NodeField(StrEnum):
    """What a node is: a page's path, or whatever was done, by its name."""

    PATH = "path"
    EVENT = "event"


class Direction(StrEnum):
    """Which way to look: on from where a session begins, or back from where it ends."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True)
class Paths:
    """Paths as they are asked. `events` narrows which events are nodes (none: all); `start` and `end` are points of a session."""

    field: NodeField = NodeField.PATH
    events: tuple[EventFilter, ...] = ()
    direction: Direction = Direction.FORWARD
    start: str | None = None
    end: str | None = None
    steps: int = 5
    limit: int = 50

    @property
    def is_backward(self) -> bool:
        """Say whether sessions are read from their end."""
        return self.direction is Direction.BACKWARD

    def seen(self) -> Paths:
        """Return it in the order in which nodes are read: `start` is where reading begins, without a trailing slash."""
        start, end = (self.end, self.start) if self.is_backward else (self.start, self.end)
        if self.field is NodeField.PATH:
            start, end = (point if point is None else without_slash(point) for point in (start, end))
        return replace(self, start=start, end=end)


def without_slash(path: str) -> str:
    """Return a path without the slash at its end, `/` as it is."""
    return path[:-1] if path.endswith("/") and path != "/" else path


class Numbered(NamedTuple):
    """A node by its place, from 1, and its name."""

    place: int
    name: str


def nodes_of(asked: Paths, source: str | None, target: str) -> list[Numbered]:
    """Return the nodes of an edge, or the one, that are told as `2_/pricing`; raises Invalid for what no answer can have."""
    found = [_numbered("/target", target)]
    if found[0].place > asked.steps:
        raise Invalid("/target", f"must be one of the first {asked.steps} nodes, which the query asks for")
    if source is not None:
        found.append(_numbered("/source", source))
        if found[1].place != found[0].place - 1:
            raise Invalid("/source", "must be the node directly before the target")
    return found


def _numbered(pointer: str, told: str) -> Numbered:
    found = _NODE.fullmatch(told)
    if found is None:
        raise Invalid(pointer, "must be a node as the answer has it: 2_/pricing")
    return Numbered(int(found[1]), found[2])


class Counted(NamedTuple):
    """An edge of numbered names: sessions that have it, and that have its nodes; without a target an end.

    With each stand all sessions, and those of a single node.
    """

    source: str
    target: str
    sessions: int
    of_source: int
    of_target: int
    of_all: int
    of_single: int


@dataclass(frozen=True)
class Node:
    """A node by its place and name, `2_/pricing`; sessions that have it there."""

    name: str
    count: int


@dataclass(frozen=True)
class Edge:
    """What leads to what, and in how many sessions."""

    source: str
    target: str
    count: int


@dataclass(frozen=True)
class Result:
    """The most frequent edges and their nodes, the most frequent first; `single` of all sessions have one node and so no edge."""

    sessions: int
    single: int
    nodes: list[Node]
    edges: list[Edge]


def answered(counted: Iterable[Counted]) -> Result:
    """Return the answer from edges in their order."""
    edges, nodes = [], {}
    sessions = single = 0
    for each in counted:
        sessions, single = each.of_all, each.of_single
        if not each.target:
            continue
        edges.append(Edge(each.source, each.target, each.sessions))
        nodes[each.source] = each.of_source
        nodes[each.target] = each.of_target
    listed = sorted(nodes.items(), key=lambda item: (-item[1], item[0]))
    return Result(sessions, single, [Node(name, count) for name, count in listed], edges)


def as_table(result: Result) -> tuple[list[str], list[list[str | int | float | None]]]:
    """Return an answer as a table, a row an edge: names of columns, rows."""
    return ["source", "target", "count"], [[edge.source, edge.target, edge.count] for edge in result.edges]
