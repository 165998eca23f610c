"""Which event types there are, and which fields they have: for whoever names one in a webhook, a playbook, a measure, a template.

Internal ones are none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from opsloop_common.contracts.catalogue import INTERNAL, PUBLIC
from opsloop_common.contracts.fields import ANY, ANYTHING, Shape, either, fields_of, shape_of
from opsloop_common.known_names import unknown


def known_type(name: str) -> str:
    """Return the event type; a ValueError for one that no service sends to others."""
    if name not in PUBLIC:
        raise ValueError(unknown(name, PUBLIC, what="event type"))
    return name


def known_pattern(pattern: str) -> str:
    """Return a pattern (`*`, `kpi.*`, an exact name) that covers a type that there is; a ValueError for any other."""
    if not types_of([pattern]):
        families = {f"{name.partition('.')[0]}{ANYTHING}" for name in PUBLIC}
        known = families if pattern.endswith(ANYTHING) else PUBLIC.keys() | families
        raise ValueError(unknown(pattern, known, what="event type"))
    return pattern


def covers(pattern: str, event_type: str) -> bool:
    """Say whether a pattern covers a type; internal ones are covered by none, by their name neither."""
    return event_type not in INTERNAL and _covers(pattern, event_type)


def _covers(pattern: str, event_type: str) -> bool:
    return pattern in ("*", event_type) or (pattern.endswith(ANYTHING) and event_type.startswith(pattern[:-1]))


def types_of(patterns: Iterable[str]) -> list[str]:
    """Return the event types that one of the patterns covers."""
    asked = list(patterns)
    return [name for name in PUBLIC if any(covers(pattern, name) for pattern in asked)]


def field_fault(path: str, types: Collection[str]) -> str | None:
    """Return what is wrong with a path below an event's `data` (`data.kpi`), None when one of the types has it.

    Attributes of the event itself are no business of this, and types that we do not know have what we do not know.
    """
    if not path.startswith("data.") or not all(name in PUBLIC for name in types):
        return None
    known = frozenset().union(*(fields_of(name) for name in types))
    if path in known or any(path.startswith(name[:-1]) for name in known if name.endswith(ANYTHING)):
        return None
    whose = next(iter(types)) if len(types) == 1 else "these events"
    return unknown(path, known, what=f"field of {whose}")


def shape_at(path: str, types: Collection[str]) -> Shape:
    """Return what events of the types may hold at an attribute or a path below `data`."""
    if not all(name in PUBLIC for name in types):
        return ANY
    if path == "type":
        return Shape(frozenset({"a text"}), frozenset(types))
    return either([shape for name in types if (shape := shape_of(name, path)) is not None])
