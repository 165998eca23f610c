"""Whether a newer schema of one event version still serves everybody who reads the older one.

Readers of the older schema get newer events, and readers of the newer one get older events from logs: within a version
only optional fields and further values may be added.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """Return one sentence per change that breaks a reader, each beginning with the JSON pointer of the field; none is good."""
    return _compare(old, new, "")


def _compare(old: Schema, new: Schema, pointer: str) -> list[str]:
    where = pointer or "/"
    found = []
    if gone := _types(old) - _types(new):
        found.append(f"{where}: no longer {', '.join(sorted(gone))}")
    if added := _types(new) - _types(old):
        found.append(f"{where}: may now be {', '.join(sorted(added))}")
    if old.get("format") != new.get("format"):
        found.append(f"{where}: format changed from {old.get('format')} to {new.get('format')}")
    found += _values(old, new, where)
    found += _limits(old, new, where)
    found += _fields(old, new, pointer)
    if "items" in old and "items" in new:
        found += _compare(old["items"], new["items"], f"{pointer}/items")
    return found + _alternatives(old, new, pointer)


def _types(schema: Schema) -> set[str]:
    """Return the JSON types a schema admits; `anyOf` counts with all of its branches."""
    if "anyOf" in schema:
        return {name for branch in schema["anyOf"] for name in _types(branch)}
    named = schema.get("type", "anything")
    return set(named) if isinstance(named, list) else {named}


def _values(old: Schema, new: Schema, where: str) -> list[str]:
    before, after = old.get("x-extensible-enum"), new.get("x-extensible-enum")
    if after is None:
        return []
    if before is None:
        return [f"{where}: limited to a list of values"]
    gone = [str(value) for value in before if value not in after]
    return [f"{where}: values taken away: {', '.join(gone)}"] if gone else []


def _limits(old: Schema, new: Schema, where: str) -> list[str]:
    raised = [f"{where}: {name} raised" for name in _LOWEST if name in new and new[name] > old.get(name, float("-inf"))]
    lowered = [
        f"{where}: {name} lowered" for name in _HIGHEST if name in new and new[name] < old.get(name, float("inf"))
    ]
    changed = [f"{where}: pattern changed"] if new.get("pattern") not in (None, old.get("pattern")) else []
    return raised + lowered + changed


def _fields(old: Schema, new: Schema, pointer: str) -> list[str]:
    before: dict[str, Schema] = old.get("properties", {})
    after: dict[str, Schema] = new.get("properties", {})
    found = [f"{pointer}/{name}: removed" for name in before if name not in after]
    were, are = set(old.get("required", ())), set(new.get("required", ()))
    found += [f"{pointer}/{name}: now required" for name in sorted(are - were)]
    found += [f"{pointer}/{name}: no longer always there" for name in sorted((were - are) & set(after))]
    for name in before.keys() & after.keys():
        found += _compare(before[name], after[name], f"{pointer}/{name}")
    return sorted(found)


def _alternatives(old: Schema, new: Schema, pointer: str) -> list[str]:
    """Compare what stands under `anyOf` branch by branch, matched by type; a plain schema counts as one branch."""
    if "anyOf" not in old and "anyOf" not in new:
        return []
    before = {_name(branch): branch for branch in old.get("anyOf", [old])}
    after = {_name(branch): branch for branch in new.get("anyOf", [new])}
    return [
        sentence for name in before.keys() & after.keys() for sentence in _compare(before[name], after[name], pointer)
    ]


def _name(branch: Schema) -> str:
    return ",".join(sorted(_types(branch))) + f":{branch.get('format', '')}"
