"""PostHog's wire: events whose names begin with `$` say things of people and groups, and what its clients want to hear.

Recorded from posthog-python 7.91.1 (capture modes v0 and v1) and posthog-js 1.449.2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    ALIAS,
    GROUP,
    IDENTIFY,
    Message,
    MessageKind,
    Reading,
    Reason,
    Refused,
    Unreadable,
    event_name,
    id_of,
    is_nobody,
    object_of,
)
from opsloop_metrics.reading.rules import (
    Speaker,
    Unread,
    alias_of,
    clock_of,
    credential_of,
    groups_of,
    library_of,
    message_id_of,
    says_test,
    speaker_of,
    text_of,
    time_of,
    told,
    unread,
)

KINDS = {
    "$pageview": (MessageKind.PAGE, "$pageview"),
    "$screen": (MessageKind.SCREEN, "$screen"),
    "$identify": (MessageKind.IDENTIFY, IDENTIFY),
    "$set": (MessageKind.IDENTIFY, IDENTIFY),
    "$set_once": (MessageKind.IDENTIFY, IDENTIFY),
    "$unset": (MessageKind.IDENTIFY, IDENTIFY),
    "$create_alias": (MessageKind.ALIAS, ALIAS),
    "$merge_dangerously": (MessageKind.ALIAS, ALIAS),
    "$groupidentify": (MessageKind.GROUP, GROUP),
}
"""What the events that PostHog names are, and under which name they are kept; any other is a track."""
COOKIELESS = "$posthog_cookieless"
"""The distinct id of everybody who is to be told apart by no id at all."""
SAID_OF_PERSONS = ("$set", "$set_once", "$unset")


def read(body: JsonValue, *, now: datetime, query: Mapping[str, str] | None = None) -> Unread:
    """Read capture v0: a batch, a bare list of events, or one event.

    `query` is the request's: the browser's clock may be its `_`. Raises Unreadable for a body that is none of these.
    """
    rows, envelope = _rows(body)
    key = key_in(body, {}, {})
    sent_at = clock_of(envelope.get("sent_at")) or clock_of((query or {}).get("_"))
    historical = envelope.get("historical_migration") is True

    def one(row: dict[str, JsonValue]) -> Message:
        said = sent_at or clock_of(row.get("sent_at"))
        return _message(row, now, sent_at=said, historical=historical, key=key, library="")

    return unread(rows, one, "uuid")


def read_v1(body: JsonValue, *, now: datetime, headers: Mapping[str, str] | None = None) -> Unread:
    """Read capture v1, whose headers say which client it was and when it sent. Raises Unreadable for what is no batch."""
    if not isinstance(body, dict) or "batch" not in body:
        raise Unreadable("the body has to be an object with a batch of events")
    headers = headers or {}
    sent_at = clock_of(headers.get("posthog-request-timestamp"))
    historical = body.get("historical_migration") is True
    library = text_of(headers.get("posthog-sdk-info")) or ""

    def one(row: dict[str, JsonValue]) -> Message:
        return _message(_as_v0(row), now, sent_at=sent_at, historical=historical, key=None, library=library)

    return unread(body["batch"], one, "uuid")


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the project's key: a header in v1, else in the body or in its first event. Names of headers are in lower case."""
    first = body[0] if isinstance(body, list) and body else body
    rows = first.get("batch") if isinstance(first, dict) else None
    places = [first, *(rows[:1] if isinstance(rows, list) else [])]
    found = [credential_of(headers.get("authorization"))]
    for place in places:
        if isinstance(place, dict):
            inner = place.get("properties")
            found += [text_of(place.get(name)) for name in ("api_key", "token", "$token")]
            found += [text_of(inner.get("token"))] if isinstance(inner, dict) else []
    found += [query.get("api_key"), query.get("token")]
    return next((key for key in found if key), None)


def answer(reading: Reading) -> tuple[int, JsonValue]:
    """Return status and body of v0; posthog-python takes nothing but exactly 200 for success."""
    rejected = told(reading.problems)
    if rejected and not reading.messages:
        first = reading.problems[0]
        return 400, refusal(str(first.reason), first.detail) | {"status": 0, "rejected": rejected}
    return 200, {"status": 1} | ({"rejected": rejected} if rejected else {})


def answer_v1(reading: Reading, *, retry: Collection[str] = ()) -> tuple[int, JsonValue]:
    """Return status and body of v1: what became of each uuid. The client sends those in `retry` again, and only those."""
    results: dict[str, JsonValue] = {}
    for _, message in reading.messages:
        if message.message_id is not None:
            results[message.message_id] = {"result": "retry" if message.message_id in retry else "ok"}
    for problem in reading.problems:
        if problem.message_id is not None:
            results.setdefault(problem.message_id, {"result": "drop", "details": f"{problem.reason}: {problem.detail}"})
    return 200, {"results": results}


def refusal(code: str, detail: str) -> dict[str, JsonValue]:
    """Return the body of an error, whose `detail` the clients show to the developer."""
    return {"type": "validation_error", "code": code, "detail": detail, "attr": None}


def flags(request_id: str, found: Mapping[str, JsonValue] | None = None) -> JsonValue:
    """Return the answer about feature flags, in the old clients' shape too; without any the client captures and no more."""
    return {
        "flags": dict(found or {}),
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "requestId": request_id,
    }


def config(key: str) -> JsonValue:
    """Return what posthog-js asks for at `/array/<key>/config`. It packs its bodies only where it is told that we unpack."""
    return {
        "token": key,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": True,
        "sessionRecording": False,
        "surveys": False,
        "heatmaps": False,
        "capturePerformance": False,
        "captureDeadClicks": False,
        "autocaptureExceptions": False,
        "isAuthenticated": False,
        "siteApps": [],
        "siteAppsJS": [],
        "toolbarParams": {},
    }


def _rows(body: JsonValue) -> tuple[JsonValue, Mapping[str, JsonValue]]:
    if isinstance(body, list):
        return body, {}
    if not isinstance(body, dict):
        raise Unreadable("the body has to be an event, a list of them, or an object with a batch")
    return (body["batch"], body) if "batch" in body else ([body], {})


def _as_v0(row: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return an event of v1 in the shape of v0, whose options are properties there."""
    properties = dict(object_of(row.get("properties"), "properties"))
    options = object_of(row.get("options"), "options")
    renamed = {
        "process_person_profile": "$process_person_profile",
        "disable_skew_correction": "$ignore_sent_at",
        "cookieless_mode": "$cookieless_mode",
        "product_tour_id": "$product_tour_id",
    }
    properties |= {there: options[here] for here, there in renamed.items() if here in options}
    properties |= {f"${name}": row[name] for name in ("session_id", "window_id") if name in row}
    return row | {"properties": properties}


def _message(
    row: dict[str, JsonValue],
    now: datetime,
    *,
    sent_at: datetime | None,
    historical: bool,
    key: str | None,
    library: str,
) -> Message:
    event = event_name(row.get("event"))
    kind, name = KINDS.get(event, (MessageKind.TRACK, event))
    properties = object_of(row.get("properties"), "properties")
    speaker = _speaker(row, event, kind, properties)
    time = time_of(row.get("timestamp"), "timestamp")
    if time is None and "offset" in row:
        time, sent_at = _ago(row["offset"], now), None
    group = _group(properties) if kind is MessageKind.GROUP else {}
    return Message(
        kind,
        name,
        speaker.distinct_id,
        message_id=message_id_of(row.get("uuid") or properties.get("$insert_id"), "uuid"),
        is_identified=speaker.is_identified,
        time=time,
        sent_at=None if properties.get("$ignore_sent_at") is True else sent_at,
        properties=_kept(properties, key),
        links=speaker.links,
        traits_set=_said(row, properties, "$set"),
        traits_set_once=_said(row, properties, "$set_once"),
        traits_unset=_unset(row, properties),
        groups=groups_of(properties.get("$groups"), "$groups") | group,
        group_traits=object_of(properties.get("$group_set"), "$group_set") if group else {},
        personless=_is_personless(speaker.distinct_id, properties, kind),
        ip=text_of(properties.get("$ip")),
        user_agent=_first(properties, "$raw_user_agent", "$useragent"),
        url=_first(properties, "$current_url"),
        referrer=None if properties.get("$referrer") == "$direct" else _first(properties, "$referrer"),
        title=_first(properties, "title", "$title", "$screen_name"),
        locale=_first(properties, "$browser_language", "$locale"),
        library=library or library_of(properties.get("$lib"), properties.get("$lib_version")),
        app_version=_first(properties, "$app_version"),
        session_id=_first(properties, "$session_id"),
        historical=historical,
        is_test=says_test(properties),
    )


def _speaker(
    row: Mapping[str, JsonValue], event: str, kind: MessageKind, properties: Mapping[str, JsonValue]
) -> Speaker:
    """Return who speaks. An id is a user's where the client has been told so: after `$identify`, which names the id before."""
    distinct_id = id_of(
        row.get("distinct_id") or row.get("$distinct_id") or properties.get("distinct_id"), "distinct_id"
    )
    if kind is MessageKind.ALIAS:
        alias = id_of(properties.get("alias"), "properties.alias")
        # an alias is the new id of who speaks; a merge draws an old id to who speaks
        return alias_of(alias, distinct_id) if event == "$merge_dangerously" else alias_of(distinct_id, alias)
    is_claim = kind is MessageKind.IDENTIFY
    if event == "$identify":
        before = id_of(properties.get("$anon_distinct_id"), "properties.$anon_distinct_id")
        return speaker_of(distinct_id, before, is_claim=is_claim)
    if properties.get("$is_identified") is True:
        return speaker_of(distinct_id, None, is_claim=is_claim)
    return speaker_of(None, distinct_id, is_claim=is_claim)


def _ago(offset: JsonValue, now: datetime) -> datetime:
    """Return the time that old clients count back from now, in milliseconds."""
    if isinstance(offset, int | float) and not isinstance(offset, bool):
        try:
            return now - timedelta(milliseconds=offset)
        except (OverflowError, ValueError) as error:
            raise Refused(Reason.BAD_TIME, "offset is beyond what can be counted") from error
    raise Refused(Reason.BAD_TIME, "offset has to be a number of milliseconds")


def _kept(properties: Mapping[str, JsonValue], key: str | None) -> dict[str, JsonValue]:
    """Return the properties without what the message holds elsewhere, and without the key."""
    kept = {name: said for name, said in properties.items() if name not in SAID_OF_PERSONS}
    if key is not None and kept.get("token") == key:
        del kept["token"]
    return kept


def _said(row: Mapping[str, JsonValue], properties: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    """Return what is said of a person; it stands beside the properties or among them."""
    return object_of(properties.get(name), name) | object_of(row.get(name), name)


def _unset(row: Mapping[str, JsonValue], properties: Mapping[str, JsonValue]) -> tuple[str, ...]:
    names = row.get("$unset") or properties.get("$unset") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused(Reason.BAD_PROPERTIES, "$unset has to be a list of names")
    return tuple(name for each in names if (name := text_of(each)))


def _group(properties: Mapping[str, JsonValue]) -> dict[str, str]:
    group = id_of(properties.get("$group_key"), "$group_key")
    type = id_of(properties.get("$group_type"), "$group_type")
    if group is None or type is None:
        raise Refused(Reason.MISSING_ID, "a group has to have a $group_type and a $group_key")
    if is_nobody(group):
        raise Refused(Reason.BAD_ID, f"{group!r} stands for no group")
    return {type: group}


def _is_personless(distinct_id: str, properties: Mapping[str, JsonValue], kind: MessageKind) -> bool:
    """Say whether nobody is to be counted. A server that describes a group makes an id up to say it under."""
    return (
        properties.get("$process_person_profile") is False
        or distinct_id == COOKIELESS
        or (kind is MessageKind.GROUP and properties.get("$is_server") is True)
    )


def _first(properties: Mapping[str, JsonValue], *names: str) -> str | None:
    return next((text for name in names if (text := text_of(properties.get(name)))), None)
