"""What events are called, as SQL over the event store."""

from __future__ import annotations

from collections.abc import Sequence

from opsloop_metrics.hints.rules import LATELY
from opsloop_metrics.store.port import EventStore

MOST_NAMES = 1_000
"""Among so many the nearest is looked for, besides those that are asked for: the most frequent."""
_SECONDS = 1.0
_NAMES = (
    "SELECT toString(COLUMN) AS name FROM opsloop.event WHERE workspace = {w:String} AND name != '' "
    f"GROUP BY name ORDER BY has({{names:Array(String)}}, name) DESC, count() DESC, name LIMIT {MOST_NAMES}"
)
_PROPERTIES = (
    f"SELECT name, groupUniqArrayArray({MOST_NAMES})(JSONExtractKeys(properties)) FROM ("
    "SELECT toString(event) AS name, properties FROM opsloop.event WHERE workspace = {w:String} "
    f"AND event IN {{names:Array(String)}} ORDER BY time DESC LIMIT {LATELY} BY event) GROUP BY name"
)


async def events(store: EventStore, workspace: str, names: Sequence[str]) -> frozenset[str]:
    """Return what events are called: all of `names` that are, and the most frequent others. Raises TooHeavy, StoreUnavailable."""
    return await _names(store, workspace, names, "event")


async def channels(store: EventStore, workspace: str, names: Sequence[str]) -> frozenset[str]:
    """Return by which channels people came; raises TooHeavy, StoreUnavailable."""
    return await _names(store, workspace, names, "channel")


async def _names(store: EventStore, workspace: str, names: Sequence[str], column: str) -> frozenset[str]:
    sql = _NAMES.replace("COLUMN", column)
    found = await store.query(sql, {"w": workspace, "names": list(names)}, seconds=_SECONDS, workspace=workspace)
    return frozenset(str(name) for (name,) in found.rows)


async def properties(store: EventStore, workspace: str, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return which properties the newest events of some names had; raises TooHeavy, StoreUnavailable."""
    given = {"w": workspace, "names": list(names)}
    found = await store.query(_PROPERTIES, given, seconds=_SECONDS, workspace=workspace)
    return {str(name): frozenset(map(str, keys)) for name, keys in found.rows}
