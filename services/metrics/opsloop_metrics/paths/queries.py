"""Paths as SQL over the event store: a person's events are an array in order, cut into sessions, of which the nodes are left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of
from opsloop_metrics.insights.periods import Frame, moved
from opsloop_metrics.insights.persons import Person, Portion, list_persons
from opsloop_metrics.paths.rules import Counted, NodeField, Numbered, Paths, Result, answered
from opsloop_metrics.sessions.rules import IDLE, MARGIN
from opsloop_metrics.store.port import milliseconds

_IDLE_MS = IDLE // timedelta(milliseconds=1)
_ACTIVITY = "e.kind IN ('track', 'page', 'screen')"


async def find_paths(session: AsyncSession, frame: Frame, asked: Paths) -> Result:
    """Return what follows what; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    found = await ask(session, frame, _edges(frame, asked.seen(), bind), bind)
    return answered(Counted(*row[:2], *map(int, row[2:])) for row in found.rows)


async def find_people(
    session: AsyncSession, frame: Frame, asked: Paths, portion: Portion, nodes: Sequence[Numbered]
) -> list[Person]:
    """Return those who have a session with all these nodes; raises TooHeavy, StoreUnavailable."""
    bind = Binding()
    there = " AND ".join(f"path[{node.place}] = {bind.text(node.name)}" for node in nodes)
    persons = f"SELECT person FROM ({_paths(frame, asked.seen(), bind)}) WHERE {there}"
    return await list_persons(
        session, frame, persons, bind, portion, since=moved(frame.start, -MARGIN), until=moved(frame.end, MARGIN)
    )


def _edges(frame: Frame, asked: Paths, bind: Binding) -> str:
    """Return SQL with the rows of `Counted`, the most frequent first; edges to nowhere are ends, of which one would do."""
    counted = (
        "SELECT place, source, target, count() AS sessions "
        f"FROM ({_paths(frame, asked, bind)}) ARRAY JOIN arrayEnumerate(path) AS place, path AS source, "
        "arrayPushBack(arrayPopFront(path), '') AS target GROUP BY place, source, target"
    )
    # whoever is at a node came to it from one, if it is not the first, and goes on from it, if only to the end
    noded = (
        "SELECT *, sum(sessions) OVER (PARTITION BY place, source) AS sources, "
        "sum(sessions) OVER (PARTITION BY place, target) AS targets, "
        "sumIf(sessions, place = 1) OVER () AS everything, sumIf(sessions, place = 1 AND target = '') OVER () AS single "
        f"FROM ({counted})"
    )
    return (
        "SELECT concat(toString(place), '_', source) AS left, "
        "if(target = '', '', concat(toString(place + 1), '_', target)) AS right, sessions, sources, targets, everything, single "
        f"FROM ({noded}) ORDER BY sessions DESC, left, right LIMIT {asked.limit} BY right = ''"
    )


def _paths(frame: Frame, asked: Paths, bind: Binding) -> str:
    """Return SQL with `person` and `path` of each session that begins in the range: its nodes as far as they are asked about."""
    nodes = "arrayReverse(nodes)" if asked.is_backward else "nodes"
    steps, conditions, left = [f"arrayCompact({nodes}) AS whole"], ["notEmpty(whole)"], "whole"
    if asked.start is not None:
        steps.append(f"arraySlice({left}, indexOf({left}, {bind.text(asked.start)}) AS begin) AS since")
        conditions.append("begin > 0")
        left = "since"
    if asked.end is not None:
        steps.append(f"arraySlice({left}, 1, indexOf({left}, {bind.text(asked.end)}) AS finish) AS until")
        conditions.append("finish > 0")
        left = "until"
    sessions = f"SELECT person, {', '.join(steps)}, {left} AS asked FROM ({_sessions(frame, asked, bind)})"
    return (
        f"SELECT person, arraySlice(asked, 1, {asked.steps}) AS path FROM ({sessions} WHERE {' AND '.join(conditions)})"
    )


def _sessions(frame: Frame, asked: Paths, bind: Binding) -> str:
    """Return SQL with `person` and `nodes` of each session that begins in the range, in order."""
    start, end = milliseconds(frame.start), milliseconds(frame.end)
    cut = f"arraySplit((event, pause) -> pause > {_IDLE_MS}, seen, arrayDifference(seen.1))"
    begun = f"arrayFilter(own -> own[1].1 >= {start} AND own[1].1 < {end}, {cut})"
    # what is no node has only its time: groups of texts cost five times what those of numbers do
    people = (
        "SELECT person, arraySort(arrayConcat(groupArrayIf((at, message, node), is_node), "
        "arrayMap(at -> (at, '', ''), groupArrayIf(at, NOT is_node)))) AS seen "
        f"FROM ({_events(frame, asked, bind)}) GROUP BY person"
    )
    # whatever stands beside an array that is joined is copied for each of its items: here no other array does
    nodes = (
        f"SELECT person, arrayMap(own -> arrayFilter(node -> node != '', own.3), {begun}) AS sessions FROM ({people})"
    )
    return f"SELECT person, nodes FROM ({nodes}) ARRAY JOIN sessions AS nodes"


def _events(frame: Frame, asked: Paths, bind: Binding) -> str:
    """Return SQL with all that people did; `node` is '' for what is none, `message` puts nodes of one time in order."""
    is_node, node, message = "1", "toString(e.event)", "''"
    if asked.field is NodeField.PATH:
        # pages are all of one name; the other way round, events of one time and name are one node
        is_node, message = "e.kind = 'page'", "e.message_id"
        node = "if(endsWith(e.path, '/') AND e.path != '/', substring(e.path, 1, length(e.path) - 1), e.path)"
    if asked.events:
        is_node += f" AND ({' OR '.join(matches(each, bind) for each in asked.events)})"
    return (
        f"SELECT {person_of(frame)} AS person, toUnixTimestamp64Milli(e.time) AS at, {is_node} AS is_node, "
        f"if(is_node, {message}, '') AS message, if(is_node, {node}, '') AS node "
        + from_events(
            frame,
            bind,
            since=moved(frame.start, -MARGIN),
            until=moved(frame.end, MARGIN),
            conditions=[_ACTIVITY],
            with_traits=needs_traits(*asked.events),
        )
    )
