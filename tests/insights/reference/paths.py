"""Paths: what follows what within sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import Event, chosen, matches
from tests.insights.reference.sessions import sessions_of


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the most frequent edges between the numbered nodes of the sessions that begin in the range."""
    span = span_of(query)
    nodes: Counter[str] = Counter()
    edges: Counter[tuple[str, str]] = Counter()
    paths = []
    for session in sessions_of(chosen(events, query), span.since, span.until):
        if span.since <= session[0]["time"] < span.until:
            path = _path(_nodes(session, query), query)
            paths += [path] if path else []
            nodes.update(path)
            edges.update(pairwise(path))
    listed = sorted(edges.items(), key=lambda item: (-item[1], item[0]))[: query.get("limit", 50)]
    touched = {node for edge, _ in listed for node in edge}
    return {
        "sessions": len(paths),
        "single": sum(len(path) == 1 for path in paths),
        "nodes": [
            {"name": name, "count": nodes[name]} for name in sorted(touched, key=lambda name: (-nodes[name], name))
        ],
        "edges": [{"source": source, "target": target, "count": count} for (source, target), count in listed],
    }


def _nodes(session: list[Event], query: Mapping[str, Any]) -> list[str]:
    """Return the names of a session's nodes, repeats collapsed."""
    filters = query.get("events") or [{"event": None}]
    own = [one for one in session if any(matches(one, each) for each in filters)]
    if query.get("field", "path") == "event":
        names = [one["event"] for one in own]
    else:
        names = [_trimmed(one["columns"]["path"]) for one in own if one["kind"] == "page" and _has_path(one)]
    return [name for name, _ in groupby(names)]


def _has_path(event: Event) -> bool:
    return bool(event.get("columns", {}).get("path"))


def _trimmed(path: str) -> str:
    return path[:-1] if path.endswith("/") and path != "/" else path


def _path(names: list[str], query: Mapping[str, Any]) -> list[str]:
    """Return the part of a session that the query asks about, numbered; nothing where a given point is missing."""
    begin, finish = query.get("start"), query.get("end")
    if query.get("field", "path") == "path":
        begin, finish = begin and _trimmed(begin), finish and _trimmed(finish)
    if query.get("direction") == "backward":
        names, begin, finish = names[::-1], finish, begin
    if begin is not None:
        names = names[names.index(begin) :] if begin in names else []
    if finish is not None:
        names = names[: names.index(finish) + 1] if finish in names else []
    return [f"{place}_{name}" for place, name in enumerate(names[: query.get("steps", 5)], start=1)]
