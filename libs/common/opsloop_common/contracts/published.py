"""The event contracts as others read them: JSON Schema per event type and version, one AsyncAPI 3 document per service.

The schemas are the open consumer view: unknown fields are allowed, and a closed list of values is written as
`x-extensible-enum`, because a later release may add optional fields and values within one version.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from opsloop_common.contracts.catalogue import BY_SERVICE
from opsloop_common.contracts.envelope import CONTENT_TYPE, Event, EventData, topic_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KAFKA_BINDING = "0.5.0"
ENVELOPE_URN = "urn:opsloop:schema:envelope:1"

Schema = dict[str, Any]


def data_schema(kind: type[EventData]) -> Schema:
    """Return the JSON Schema of `data` of one event type and version; its `$id` is the event's `dataschema`."""
    marked = {"x-internal": True} if kind.is_internal else {}
    return {"$schema": DIALECT, "$id": kind.dataschema(), "title": kind.type} | marked | _opened(_schema_of(kind))


def envelope_schema() -> Schema:
    """Return the JSON Schema of the envelope that every event travels in."""
    schema = _opened(_schema_of(Event))
    schema["required"] = sorted({*schema["required"], "specversion", "datacontenttype"})
    return {"$schema": DIALECT, "$id": ENVELOPE_URN, "title": "envelope"} | schema


def asyncapi(service: str) -> Schema:
    """Return the AsyncAPI 3.0 document of what one service sends."""
    kinds = BY_SERVICE[service]
    internal = f"{service}.internal"
    channels = {service: _channel(topic_of(service), [kind for kind in kinds if not kind.is_internal])}
    if told := [kind for kind in kinds if kind.is_internal]:
        channels[internal] = _channel(topic_of(service, is_internal=True), told)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"OpsLoop {service} events",
            "version": "1",
            "description": (
                "CloudEvents 1.0, structured JSON. Delivered at least once, in `sequence` order per `partitionkey`; "
                "no global order. Ignore fields, values and types that you do not know."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": {
            "send": _operation(service, "What the service tells."),
            **(
                {"sendInternally": _operation(internal, "What it tells other services alone.")}
                if internal in channels
                else {}
            ),
        },
        "components": {
            "messages": {kind.type: _message(kind) for kind in kinds},
            "schemas": {"envelope": envelope_schema()},
        },
    }


def _channel(topic: str, kinds: Iterable[type[EventData]]) -> Schema:
    return {
        "address": topic,
        "messages": {kind.type: {"$ref": f"#/components/messages/{kind.type}"} for kind in kinds},
        "bindings": {"kafka": {"topic": topic, "partitions": 12, "bindingVersion": KAFKA_BINDING}},
    }


def _operation(channel: str, summary: str) -> Schema:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(kind: type[EventData]) -> Schema:
    return {
        "name": kind.type,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/envelope"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": kind.type},
                        "dataschema": {"const": kind.dataschema()},
                        "data": data_schema(kind),
                    },
                    "required": ["type", "data"],
                },
            ]
        },
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": KAFKA_BINDING}},
    }


def _schema_of(model: type[EventData] | type[Event]) -> Schema:
    """Return the model's schema with nested models written in place, so that one file says everything."""
    references, top = models_json_schema([(model, "serialization")], ref_template="{model}")
    definitions: dict[str, Schema] = top.get("$defs", {})
    whole = definitions[references[(model, "serialization")]["$ref"]]
    inlined: Schema = _inline(whole, definitions)
    return inlined


def _inline(node: Any, definitions: dict[str, Schema]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        # any JSON value refers to itself; "anything" says the same
        target: Schema = {} if node["$ref"] == "JsonValue" else definitions[node["$ref"]]
        return {**_inline(target, definitions), **beside}
    return {key: _inline(value, definitions) for key, value in node.items()}


def _opened(schema: Schema) -> Schema:
    """Return the schema with closed lists of values opened, and titles that only repeat field names left out."""
    opened: Schema = _open(schema)
    opened.pop("title", None)
    return opened


def _open(node: Any, *, fields: bool = False) -> Any:
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    if fields:
        return {name: _open(value) for name, value in node.items()}
    result = {key: _open(value, fields=key == "properties") for key, value in node.items() if key != "title"}
    values = result.pop("enum", None) or ([result.pop("const")] if "const" in result else None)
    if values:
        result["x-extensible-enum"] = values
    return result
