"""Which changes of a schema break a reader, on schemas made up for it."""

from __future__ import annotations

from typing import Any

import pytest

from opsloop_common.contracts.compatibility import incompatibilities

TEXT: dict[str, Any] = {"type": "string"}
OLD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "kind": {"type": "string", "x-extensible-enum": ["bug", "idea"]},
        "rating": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "tags": {"type": "array", "items": TEXT, "maxItems": 10},
        "author": {"type": "object", "properties": {"user_id": TEXT}, "required": ["user_id"]},
    },
    "required": ["name", "kind"],
}


def changed(**properties: Any) -> dict[str, Any]:
    return OLD | {"properties": OLD["properties"] | properties}


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed(color=TEXT),
        changed(kind={"type": "string", "x-extensible-enum": ["bug", "idea", "praise"]}),
        changed(tags={"type": "array", "items": TEXT, "maxItems": 20}),
        changed(name=TEXT | {"description": "said better"}),
    ],
    ids=["same", "optional field added", "value added", "limit widened", "described"],
)
def test_growing_breaks_nobody(new):
    assert incompatibilities(OLD, new) == []


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (OLD | {"properties": {k: v for k, v in OLD["properties"].items() if k != "tags"}}, "/tags: removed"),
        (OLD | {"required": ["name", "kind", "tags"]}, "/tags: now required"),
        (OLD | {"required": ["name"]}, "/kind: no longer always there"),
        (changed(name={"type": "integer"}), "/name: no longer string"),
        (changed(name={"anyOf": [TEXT, {"type": "null"}]}), "/name: may now be null"),
        (changed(rating={"type": "integer"}), "/rating: no longer null"),
        (changed(name=TEXT | {"format": "uuid"}), "/name: format changed"),
        (changed(kind={"type": "string", "x-extensible-enum": ["bug"]}), "/kind: values taken away: idea"),
        (changed(name=TEXT | {"x-extensible-enum": ["a"]}), "/name: limited to a list of values"),
        (changed(tags={"type": "array", "items": {"type": "integer"}}), "/tags/items: no longer string"),
        (changed(tags={"type": "array", "items": TEXT, "maxItems": 5}), "/tags: maxItems lowered"),
        (changed(name=TEXT | {"minLength": 1}), "/name: minLength raised"),
        (changed(name=TEXT | {"pattern": "^a"}), "/name: pattern changed"),
        (changed(author={"type": "object", "properties": {}}), "/author/user_id: removed"),
    ],
)
def test_whatever_a_reader_relies_on_must_stay(new, says):
    assert any(says in sentence for sentence in incompatibilities(OLD, new)), incompatibilities(OLD, new)
