"""Which fields events have, and what may stand in them: read out of their schemas, for whoever names one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.published import data_schema, envelope_schema

ANYTHING = ".*"
_KINDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


@dataclass(frozen=True)
class Shape:
    """What a field may hold besides null. Without kinds that is anything."""

    kinds: frozenset[str] = frozenset()
    """In words: `a text`, `a number`, …"""
    texts: frozenset[str] | None = None
    """The only texts that it may be, where its schema lists them."""
    items: Shape | None = None
    """What its lists consist of."""


ANY = Shape()


def either(shapes: Sequence[Shape]) -> Shape:
    """Return what one of several fields may hold."""
    if not all(shape.kinds for shape in shapes):
        return ANY
    texts = [shape.texts for shape in shapes if "a text" in shape.kinds]
    items = [shape.items for shape in shapes if shape.items is not None]
    return Shape(
        frozenset[str]().union(*(shape.kinds for shape in shapes)),
        frozenset[str]().union(*(each for each in texts if each)) if texts and None not in texts else None,
        either(items) if items else None,
    )


_attributes = cache(lambda: envelope_schema()["properties"])


@cache  # some dozen types; each takes a millisecond or two
def _schema_of(event_type: str) -> Mapping[str, Any]:
    return {**_attributes(), "data": data_schema(PUBLIC[event_type])}


@cache
def fields_of(event_type: str) -> frozenset[str]:
    """Return the paths of all fields of an event type, `data.author.user_id`; `data.x.*` stands below what may hold anything."""
    return frozenset(_paths(_schema_of(event_type)["data"], "data"))


@cache
def all_fields() -> frozenset[str]:
    """Return the paths of all fields below the data of events that others get."""
    return frozenset(path for name in PUBLIC for path in fields_of(name) if not path.endswith(ANYTHING))


@cache
def shape_of(event_type: str, path: str) -> Shape | None:
    """Return what events of a type may hold at an attribute or a path below `data`; None when they have no such field."""
    found: list[Mapping[str, Any]] = [{"properties": _schema_of(event_type)}]
    for name in path.split("."):
        branches = [branch for schema in found for branch in _branches(schema)]
        found = [branch["properties"][name] for branch in branches if name in branch.get("properties", {})]
        if not found:
            return ANY if any(_holds_anything(branch) for branch in branches) else None
    return either([_shape(branch) for schema in found for branch in _branches(schema) if branch.get("type") != "null"])


def _shape(branch: Mapping[str, Any]) -> Shape:
    texts = branch.get("x-extensible-enum")
    kind = _KINDS.get(branch.get("type", "string" if texts else ""))
    if kind is None:
        return ANY
    items = either([_shape(each) for each in _branches(branch.get("items", {}))]) if kind == "a list" else None
    return Shape(frozenset({kind}), frozenset(texts) if texts and kind == "a text" else None, items)


def _branches(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return schema.get("anyOf") or [schema]


def _paths(schema: Mapping[str, Any], place: str) -> Iterator[str]:
    for branch in [schema, *schema.get("anyOf", ())]:
        fields = branch.get("properties", {})
        if place != "data" and _holds_anything(branch):
            yield place + ANYTHING
        for name, below in fields.items():
            yield f"{place}.{name}"
            yield from _paths(below, f"{place}.{name}")


def _holds_anything(branch: Mapping[str, Any]) -> bool:
    says_nothing = branch.keys().isdisjoint({"type", "anyOf", "properties", "x-extensible-enum", "$ref"})
    return not branch.get("properties") and (branch.get("type") == "object" or says_nothing)
