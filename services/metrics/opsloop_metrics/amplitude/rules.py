"""Amplitude's HTTP API v2: events that have a user, a device or both.

Recorded from amplitude-analytics 1.3.0 (PyPI) and `@amplitude/analytics-browser` 2.48.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    GROUP,
    IDENTIFY,
    MAX_ID,
    PAGEVIEW,
    Message,
    MessageKind,
    Reading,
    Reason,
    Refused,
    Unreadable,
    event_name,
    id_of,
    object_of,
)
from opsloop_metrics.reading.rules import (
    Speaker,
    Unread,
    clock_of,
    credential_of,
    groups_of,
    message_id_of,
    says_test,
    speaker_of,
    text_of,
    time_of,
    told,
    unread,
)

KINDS = {
    "[Amplitude] Page Viewed": (MessageKind.PAGE, PAGEVIEW),
    "$identify": (MessageKind.IDENTIFY, IDENTIFY),
    "$groupidentify": (MessageKind.GROUP, GROUP),
}
BESIDE = (
    "platform", "os_name", "os_version", "device_brand", "device_manufacturer", "device_model", "carrier", "country",
    "region", "city", "dma", "price", "quantity", "revenue", "productId", "revenueType", "plan", "event_id",
)  # fmt: skip
"""What an event says beside its properties, and is kept among them."""
FIELDS = {
    Reason.MISSING_EVENT: "event_type",
    Reason.BAD_TIME: "time",
    Reason.BAD_PROPERTIES: "event_properties",
    Reason.TOO_DEEP: "event_properties",
}
"""Which field Amplitude's answer names for a reason; any other is an id."""


def read(body: JsonValue, *, now: datetime) -> Unread:
    """Read a request's events. Raises Unreadable for a body without any."""
    if not isinstance(body, dict) or "events" not in body:
        raise Unreadable("the body has to be an object with events")
    sent_at = clock_of(body.get("client_upload_time"))
    events = body["events"]
    return unread([events] if isinstance(events, dict) else events, lambda row: _message(row, sent_at), "insert_id")


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key, which the clients have in the body."""
    said = text_of(body.get("api_key")) if isinstance(body, dict) else None
    return said or credential_of(headers.get("authorization")) or query.get("api_key")


def answer(reading: Reading, *, now: datetime, size: int) -> tuple[int, JsonValue]:
    """Return status and body; `size` is the request's in bytes. The clients go by `code`, and send again what 400 does not name."""
    if reading.problems and not reading.messages:
        fields: dict[str, list[JsonValue]] = {}
        for problem in reading.problems:
            fields.setdefault(FIELDS.get(problem.reason, "user_id"), []).append(problem.index)
        return 400, refusal(400, reading.problems[0].detail) | {"events_with_invalid_fields": {**fields}}
    body: dict[str, JsonValue] = {
        "code": 200,
        "events_ingested": len(reading.messages),
        "payload_size_bytes": size,
        "server_upload_time": int(now.timestamp() * 1000),
    }
    return 200, body | ({"rejected": told(reading.problems)} if reading.problems else {})


def refusal(code: int, error: str) -> dict[str, JsonValue]:
    """Return the body of an error; `code` is its status. A client stops for good at an error that begins with `Invalid API key:`."""
    return {"code": code, "error": error}


def _message(row: dict[str, JsonValue], sent_at: datetime | None) -> Message:
    event = event_name(row.get("event_type"))
    kind, name = KINDS.get(event, (MessageKind.TRACK, event))
    given = row.get("event_properties")
    properties = dict(given) if isinstance(given, dict) else object_of(given, "event_properties")
    for field in BESIDE:
        if row.get(field) is not None:
            properties.setdefault(field, row[field])
    groups = groups_of(row.get("groups"), "groups")
    speaker = _speaker(row, kind, groups)
    set_, set_once, unset = _said(row.get("user_properties"), "user_properties")
    group_set, group_set_once, _ = _said(row.get("group_properties"), "group_properties")
    return Message(
        kind,
        name,
        speaker.distinct_id,
        message_id=message_id_of(row.get("insert_id"), "insert_id"),
        is_identified=speaker.is_identified,
        time=time_of(row.get("time"), "time"),
        sent_at=sent_at,
        properties=object_of(properties, "event_properties"),
        links=speaker.links,
        traits_set=set_,
        traits_set_once=set_once,
        traits_unset=unset,
        groups=groups,
        group_traits=group_set_once | group_set if kind is MessageKind.GROUP else {},
        personless=kind is MessageKind.GROUP and not speaker.is_identified,
        ip=None if row.get("ip") == "$remote" else text_of(row.get("ip")),
        user_agent=text_of(row.get("user_agent")),
        url=text_of(properties.get("[Amplitude] Page URL")) or text_of(properties.get("[Amplitude] Page Location")),
        referrer=text_of(properties.get("referrer")),
        title=text_of(properties.get("[Amplitude] Page Title")),
        locale=text_of(row.get("language")),
        library=(text_of(row.get("library")) or "")[:MAX_ID],
        app_version=text_of(row.get("app_version")) or text_of(row.get("version_name")),
        session_id=_session_id(row.get("session_id")),
        is_test=says_test(properties),
    )


def _speaker(row: Mapping[str, JsonValue], kind: MessageKind, groups: Mapping[str, str]) -> Speaker:
    user, device = id_of(row.get("user_id"), "user_id"), id_of(row.get("device_id"), "device_id")
    if kind is MessageKind.GROUP:
        if not groups:
            raise Refused(Reason.MISSING_ID, "a group has to be named in groups")
        if user is None and device is None:  # a server describes a group without saying for whom
            type, group = next(iter(groups.items()))
            return Speaker(f"$group:{type}:{group}"[:MAX_ID])
    return speaker_of(user, device, is_claim=kind is MessageKind.IDENTIFY)


Said = tuple[dict[str, JsonValue], dict[str, JsonValue], tuple[str, ...]]


def _said(value: JsonValue, name: str) -> Said:
    """Return what is set, set once and unset. Names without a `$` are set; what is relative to what was, such as `$add`, is no trait."""
    said = object_of(value, name)
    plain = {key: each for key, each in said.items() if not key.startswith("$")}
    set_ = plain | object_of(said.get("$set"), f"{name}.$set")
    unset = object_of(said.get("$unset"), f"{name}.$unset")
    return set_, object_of(said.get("$setOnce"), f"{name}.$setOnce"), tuple(unset)


def _session_id(said: JsonValue) -> str | None:
    """Return the session, the time of its beginning; -1 is none."""
    is_number = isinstance(said, int) and not isinstance(said, bool)
    return (None if said == -1 else str(said)[:MAX_ID]) if is_number else text_of(said)
