"""One event of each type with every field filled in: what today's readers must still be able to read tomorrow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from opsloop_common.contracts.catalogue import PRODUCERS_OF
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.contracts.published import Schema, data_schema

ID = "0198c0de-0000-7000-8000-00000000000{}"
TIME = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sample(kind: type[EventData]) -> Event:
    """Return an event of this type, the same at every call."""
    data: dict[str, Any] = _value(data_schema(kind), kind.type)
    subject = kind.model_validate(data).subject()
    return Event(
        id=UUID(ID.format(1)),
        source=f"/opsloop/{PRODUCERS_OF[kind.type][0]}",
        type=kind.type,
        subject=subject,
        time=TIME,
        dataschema=kind.dataschema(),
        workspace="acme",
        actor=f"key:{ID.format(2)}",
        partitionkey=subject,
        sequence=7,
        correlationid=ID.format(3),
        causationid=ID.format(4),
        causationdepth=1,
        causationroot=UUID(ID.format(6)),
        traceparent=TRACE,
        data=data,
    )


def _value(schema: Schema, name: str) -> Any:
    if "anyOf" in schema:
        return _value(next(branch for branch in schema["anyOf"] if branch.get("type") != "null"), name)
    if values := schema.get("x-extensible-enum"):
        return values[0]
    match schema.get("type"), schema.get("format"):
        case "object", _:
            return {field: _value(inner, field) for field, inner in schema.get("properties", {}).items()}
        case "array", _:
            return [_value(schema["items"], name)]
        case "integer", _:
            return max(1, schema.get("minimum", 1))
        case "number", _:
            return 0.5
        case "boolean", _:
            return True
        case "string", "uuid":
            return ID.format(5)
        case "string", "date-time":
            return "2026-11-22T08:00:00Z"
        case "string", "date":
            return "2026-11-22"
        case _:
            return name
