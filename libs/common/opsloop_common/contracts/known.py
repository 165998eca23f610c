"""Which event types there are, and which fields they have: for whoever names one in a webhook, a playbook, a measure, a template.

Internal ones are none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from opsloop_common.conditions import Condition
from opsloop_common.contracts.catalogue import INTERNAL, PUBLIC
from opsloop_common.contracts.published import data_schema
from opsloop_common.errors import Invalid
from opsloop_common.known_names import unknown

_ANYTHING = ".*"


def known_type(name: str) -> str:
    """Return the event type; a ValueError for one that no service sends to others."""
    if name not in PUBLIC:
        raise ValueError(unknown(name, PUBLIC, what="event type"))
    return name


def known_pattern(pattern: str) -> str:
    """Return a pattern (`*`, `kpi.*`, an exact name) that covers a type that there is; a ValueError for any other."""
    if not types_of([pattern]):
        families = {f"{name.partition('.')[0]}{_ANYTHING}" for name in PUBLIC}
        known = families if pattern.endswith(_ANYTHING) else PUBLIC
        raise ValueError(unknown(pattern, known, what="event type"))
    return pattern


def covers(pattern: str, event_type: str) -> bool:
    """Say whether a pattern covers a type; internal ones are covered by none, by their name neither."""
    return event_type not in INTERNAL and _covers(pattern, event_type)


def _covers(pattern: str, event_type: str) -> bool:
    return pattern in ("*", event_type) or (pattern.endswith(_ANYTHING) and event_type.startswith(pattern[:-1]))


def types_of(patterns: Iterable[str]) -> list[str]:
    """Return the event types that one of the patterns covers."""
    asked = list(patterns)
    return [name for name in PUBLIC if any(covers(pattern, name) for pattern in asked)]


def require_fields(conditions: Sequence[Condition], types: Collection[str], pointer: str) -> None:
    """Raise Invalid for the first condition on a field below `data` that none of the event types has."""
    for place, condition in enumerate(conditions):
        if fault := field_fault(condition.field, types):
            raise Invalid(f"{pointer}/{place}/field", fault)


def field_fault(path: str, types: Collection[str]) -> str | None:
    """Return what is wrong with a path below an event's `data` (`data.kpi`), None when one of the types has it.

    Attributes of the event itself are no business of this, and types that we do not know have what we do not know.
    """
    if not path.startswith("data.") or not all(name in PUBLIC for name in types):
        return None
    known = frozenset().union(*(fields_of(name) for name in types))
    if path in known or any(path.startswith(name[:-1]) for name in known if name.endswith(_ANYTHING)):
        return None
    whose = next(iter(types)) if len(types) == 1 else "these events"
    return unknown(path, known, what=f"field of {whose}")


@cache  # some dozen types, each walked once
def fields_of(event_type: str) -> frozenset[str]:
    """Return the paths of all fields of an event type, `data.author.user_id`; `data.x.*` stands below what may hold anything."""
    return frozenset(_paths(data_schema(PUBLIC[event_type]), "data"))


def _paths(schema: Mapping[str, Any], place: str) -> Iterator[str]:
    for branch in [schema, *schema.get("anyOf", ())]:
        fields = branch.get("properties", {})
        if not fields and place != "data" and (branch.get("type") == "object" or _says_nothing(branch)):
            yield place + _ANYTHING
        for name, below in fields.items():
            yield f"{place}.{name}"
            yield from _paths(below, f"{place}.{name}")


def _says_nothing(branch: Mapping[str, Any]) -> bool:
    return branch.keys().isdisjoint({"type", "anyOf", "properties", "x-extensible-enum", "$ref"})
