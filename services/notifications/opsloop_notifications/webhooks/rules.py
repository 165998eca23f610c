"""Which events an endpoint hears of, and when it has failed for too long. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

FAILING_FOR = timedelta(days=5)
FAILURES_BEFORE_DISABLING = 10
"""More than one exhausted delivery (8 attempts), so that a rarely used endpoint is not judged by a single event."""
_MISSING = object()


def hears(patterns: Sequence[str], event_type: str) -> bool:
    """Say whether one of the patterns (`*`, `kpi.*`, exact names) covers the type."""
    return any(
        pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


def passes(conditions: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> bool:
    """Say whether every condition {field, op, value} holds for the event's document."""
    return all(_holds(condition, document) for condition in conditions)


def _holds(condition: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    found = _value_at(document, condition["field"])
    op, wanted = condition["op"], condition.get("value")
    if op == "exists":
        return (found is not _MISSING and found is not None) == (wanted is not False)
    if op in ("ne", "not_in"):
        return not _holds({**condition, "op": "eq" if op == "ne" else "in"}, document)
    if found is _MISSING:
        return False
    return _compare(op, found, wanted)


def _compare(op: str, found: Any, wanted: Any) -> bool:
    match op:
        case "eq":
            return _same(found, wanted)
        case "in":
            return isinstance(wanted, list) and any(_same(found, choice) for choice in wanted)
        case "contains":
            if isinstance(found, list):
                return any(_same(item, wanted) for item in found)
            return isinstance(found, str) and isinstance(wanted, str) and wanted in found
        case _:
            return _ordered(op, found, wanted)


def _ordered(op: str, found: Any, wanted: Any) -> bool:
    comparable = (_is_number(found) and _is_number(wanted)) or (isinstance(found, str) and isinstance(wanted, str))
    if not comparable:
        return False
    match op:
        case "lt":
            return bool(found < wanted)
        case "le":
            return bool(found <= wanted)
        case "gt":
            return bool(found > wanted)
        case "ge":
            return bool(found >= wanted)
        case _:
            return False


def _same(found: Any, wanted: Any) -> bool:
    # JSON's true is not its 1
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value_at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def has_failed_too_long(failing_since: datetime, failures: int, now: datetime) -> bool:
    """Say whether an endpoint without a success since `failing_since` should get nothing more."""
    return failures >= FAILURES_BEFORE_DISABLING and now - failing_since >= FAILING_FOR
