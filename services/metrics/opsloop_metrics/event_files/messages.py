"""What a row of a file says: from its cells or its JSON to a message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from itertools import zip_longest
from typing import Any, TypeVar

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    IDENTIFY,
    PAGEVIEW,
    SCREEN,
    Message,
    MessageKind,
    Reading,
    Reason,
    Refused,
    event_name,
    id_of,
    object_of,
)
from opsloop_metrics.google import rules as google
from opsloop_metrics.mixpanel import rules as mixpanel
from opsloop_metrics.reading.rules import cell, message_id_of, speaker_of, text_of, time_of

KINDS = {
    PAGEVIEW: MessageKind.PAGE,
    SCREEN: MessageKind.SCREEN,
    IDENTIFY: MessageKind.IDENTIFY,
}
T = TypeVar("T")
_OWN_ID = re.compile(r"import:[0-9a-f]{32}")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
_GA4_OWN = frozenset(
    {"event_name", "event_timestamp", "event_date", "user_pseudo_id", "user_id", "event_params", "user_properties"}
)
_TOLD_NUMBERS = ("int_value", "float_value", "double_value")


class Format(StrEnum):
    """What the rows of a file are."""

    CSV = "csv"
    JSONL = "jsonl"
    MIXPANEL = "mixpanel"
    GA4 = "ga4"
    ORDERS = "orders"
    STORE_DOWNLOADS = "store_downloads"


TABLES = frozenset({Format.ORDERS, Format.STORE_DOWNLOADS})
"""CSV whose rows are no events; who takes them reads them."""
SEPARATED = TABLES | {Format.CSV}
"""Formats of cells, with a header."""
MAPPED = frozenset({Format.CSV, Format.JSONL})
"""Formats of ours for events, whose columns may be called otherwise."""


CHINESE = {"event": "事件", "time": "时间", "user_id": "用户", "anonymous_id": "匿名用户", "message_id": "消息号"}
"""What a CSV of events may call its columns besides."""
TYPES = {
    "text/csv": Format.CSV,
    "application/x-ndjson": Format.JSONL,
    "application/ndjson": Format.JSONL,
    "application/jsonl": Format.JSONL,
    "application/x-jsonlines": Format.JSONL,
}
"""The format that a Content-Type stands for."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a CSV, or field of a JSON row, says what; everything else is a property."""

    event: str = "event"
    time: str = "time"
    user_id: str = "user_id"
    anonymous_id: str = "anonymous_id"
    message_id: str = "message_id"

    def written(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return asdict(self)

    def missing(self, found: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Return, of columns without which no row can be read, those not among `found`: how they are called, and what parameters say so."""
        missing = []
        for fields_ in (("event",), ("time",), ("user_id", "anonymous_id")):
            called = [getattr(self, each) for each in fields_]
            if set(called).isdisjoint(found):
                missing.append((" or ".join(called), [f"{each}_column" for each in fields_]))
        return missing

    def among(self, found: Sequence[str]) -> Columns:
        """Return them as a file with the columns `found` has them: what it calls in Chinese, where it has not our name."""
        said = {name: CHINESE[name] for name, called in asdict(self).items() if called == name and name not in found}
        taken = set(asdict(self).values())
        return replace(
            self, **{name: called for name, called in said.items() if called in found and called not in taken}
        )


def columns_of(kept: Mapping[str, Any]) -> Columns:
    """Return what `Columns.written` kept."""
    return Columns(**{field.name: kept[field.name] for field in fields(Columns)})


def message_of(
    row: Mapping[str, JsonValue],
    format: Format,
    columns: Columns,
    *,
    zone: tzinfo,
    now: datetime,
) -> Message:
    """Return what a row says; raises Refused. A row without a name is called by what it says."""
    match format:
        case Format.MIXPANEL:
            message = _only(mixpanel.read([dict(row)], now=now, historical=True).at_once())
        case Format.GA4:
            message = _ga4(row, now)
        case _:
            message = _own(row, columns, zone)
    if message.time is None:
        column = columns.time if format in (Format.CSV, Format.JSONL) else None
        raise Refused(Reason.BAD_TIME, "a row has to say when it happened", column)
    return replace(message, historical=True, message_id=message.message_id or _name_of(message))


def is_made_up(message_id: str | None) -> bool:
    """Say whether a message got its name from what its row says."""
    return message_id is not None and _OWN_ID.fullmatch(message_id) is not None


def _name_of(message: Message) -> str:
    """Return the same name for the same row, whatever its file, its place there, the order of columns and the format."""
    links = sorted(link.other_id for link in message.links)
    told = [_plain(dict(each)) for each in (message.properties, message.traits_set)]
    said = [message.event, message.is_identified, message.distinct_id, links, str(message.time), told]
    # the library's own, which writes numbers of any size
    digest = blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=16, person=b"opsloop row")
    return f"import:{digest.hexdigest()}"


def _plain(value: JsonValue) -> JsonValue:
    """Return a value as every format writes it: 5.0 is 5, and what says nothing is absent, as an empty cell of a CSV is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if each is not None and each != ""}
    return value


def cells_of(names: Sequence[str], cells: Sequence[str], columns: Columns | None) -> dict[str, JsonValue]:
    """Return a CSV's row by its columns, all of them texts without `columns`; raises Refused for more cells than there are columns.

    Empty cells are absent; where all are texts they stay, so that what lacks is told under what the file calls it. A property that
    is written as JSON writes a number or a truth value is one; ids, and cells such as `007` or `=A1`, stay the texts that they are.
    """
    if any(cells[len(names) :]):
        raise Refused(Reason.BAD_PROPERTIES, f"the row has {len(cells)} cells and the file {len(names)} columns")
    if columns is None:
        return dict(zip_longest(names, cells[: len(names)], fillvalue=""))
    named = zip(names, cells, strict=False)
    texts = {columns.event, columns.time, columns.user_id, columns.anonymous_id, columns.message_id}
    return {name: cell.strip() if name in texts else _value(cell) for name, cell in named if cell != ""}


def _value(cell: str) -> JsonValue:
    if cell in ("true", "false"):
        return cell == "true"
    if _NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return cell


def _own(row: Mapping[str, JsonValue], columns: Columns, zone: tzinfo) -> Message:
    with cell(columns.event, row.get(columns.event)):
        event = event_name(row.get(columns.event))
    kind = KINDS.get(event, MessageKind.TRACK)
    if event.startswith("$") and event in ("$alias", "$group", "$create_alias", "$merge", "$groupidentify"):
        words = f"{event} says something of persons that a file of events cannot"
        raise Refused(Reason.UNKNOWN_TYPE, words, columns.event, event)
    inner = row.get("properties")
    taken = {columns.event, columns.time, columns.user_id, columns.anonymous_id, columns.message_id}
    taken |= {"properties"} if isinstance(inner, dict) else set()
    properties = object_of(
        {name: value for name, value in row.items() if name not in taken} | (inner if isinstance(inner, dict) else {}),
        "properties",
    )
    user, anonymous, name = (
        _cell(reader, row, column)
        for reader, column in (
            (id_of, columns.user_id),
            (id_of, columns.anonymous_id),
            (message_id_of, columns.message_id),
        )
    )
    with cell(columns.user_id, row.get(columns.user_id)):
        speaker = speaker_of(user, anonymous, is_claim=kind is MessageKind.IDENTIFY)
    return Message(
        kind,
        event,
        speaker.distinct_id,
        message_id=name,
        is_identified=speaker.is_identified,
        time=_cell(partial(time_of, zone=zone), row, columns.time),
        properties=properties,
        links=speaker.links,
        traits_set=properties if kind is MessageKind.IDENTIFY else {},
        url=text_of(properties.get("url")),
        referrer=text_of(properties.get("referrer")),
        library="import",
    )


def _cell(read: Callable[[JsonValue, str], T], row: Mapping[str, JsonValue], column: str) -> T:
    with cell(column, row.get(column)):
        return read(row.get(column), column)


def _ga4(row: Mapping[str, JsonValue], now: datetime) -> Message:
    """Read a row of BigQuery's export as the measurement protocol would have sent it."""
    rest: dict[str, JsonValue] = {
        name: value for name, value in row.items() if name not in _GA4_OWN and value is not None
    }
    event: dict[str, JsonValue] = {
        "name": row.get("event_name"),
        "timestamp_micros": row.get("event_timestamp"),
        "params": rest | _ga4_values(row, "event_params"),
    }
    body: dict[str, JsonValue] = {
        "client_id": row.get("user_pseudo_id"),
        "user_id": row.get("user_id"),
        "user_properties": {name: {"value": value} for name, value in _ga4_values(row, "user_properties").items()},
        "events": [event],
    }
    return replace(_only(google.read(body, now=now).at_once()), library="import")


def _ga4_values(row: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    """Return a list of keys with values of several kinds as an object. BigQuery writes whole numbers as texts."""
    said = row.get(name)
    values: dict[str, JsonValue] = {}
    if said is None:
        return {}
    if not isinstance(said, list):
        raise Refused(Reason.BAD_PROPERTIES, f"{name} has to be a list of keys and values")
    for each in said:
        key, value = (each.get("key"), each.get("value")) if isinstance(each, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, dict):
            raise Refused(Reason.BAD_PROPERTIES, f"{name} has to be a list of keys and values")
        found: JsonValue = value.get("string_value")
        for kind in _TOLD_NUMBERS:
            if found is None and value.get(kind) is not None:
                number = value[kind]
                found = _value(number) if isinstance(number, str) else number
        if found is not None:
            values[key] = found
    return values


def _only(reading: Reading) -> Message:
    if reading.problems:
        raise Refused(reading.problems[0].reason, reading.problems[0].detail)
    return reading.messages[0][1]
