"""Mixpanel's wire: events of `/track` and `/import`, profiles of `/engage`, groups of `/groups`.

Recorded from mixpanel (PyPI) 5.4.1 and mixpanel-browser 2.83.0. Their bodies are forms: `reading.rules.payload_of` unpacks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    ALIAS,
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
    is_nobody,
    object_of,
)
from opsloop_metrics.reading.rules import (
    Speaker,
    Unread,
    alias_of,
    credential_of,
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
    "$mp_web_page_view": (MessageKind.PAGE, PAGEVIEW),
    "$identify": (MessageKind.IDENTIFY, IDENTIFY),
    "$create_alias": (MessageKind.ALIAS, ALIAS),
    "$merge": (MessageKind.ALIAS, ALIAS),
}
DEVICE = "$device:"
"""What Mixpanel's browser client puts before a device's id to make it a person's."""
COUNTED = ("$add", "$append", "$union", "$remove")
"""What is said of a profile relative to what it was; kept with the message, and no trait."""


def read(body: JsonValue, *, now: datetime, historical: bool = False) -> Unread:
    """Read events, `historical` those of `/import`. Raises Unreadable for neither an object nor a list."""
    return unread(_rows(body), lambda row: _event(row, historical), "$insert_id")


def read_profiles(body: JsonValue, *, now: datetime) -> Unread:
    """Read what `/engage` says of people. Raises Unreadable for neither an object nor a list."""
    return unread(_rows(body), _profile)


def read_groups(body: JsonValue, *, now: datetime) -> Unread:
    """Read what `/groups` says of groups. Raises Unreadable for neither an object nor a list."""
    return unread(_rows(body), _group)


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key: the secret of an import in the header, or the token in the first message. `query` also has a form's fields."""
    first = body[0] if isinstance(body, list) and body else body
    found = [credential_of(headers.get("authorization"))]
    if isinstance(first, dict):
        inner = first.get("properties")
        found += [text_of(inner.get("token"))] if isinstance(inner, dict) else []
        found += [text_of(first.get("$token"))]
    return next((key for key in (*found, query.get("api_key"), query.get("token")) if key), None)


def answer(reading: Reading, *, verbose: bool) -> tuple[int, JsonValue]:
    """Return status and body: `status` 1 for success, where not `verbose` the bare 1 or 0. The Python client reads the first."""
    rejected = told(reading.problems)
    is_refused = bool(rejected) and not reading.messages
    if not verbose:
        return (400, 0) if is_refused else (200, 1)
    error = reading.problems[0].detail if is_refused else None
    body: dict[str, JsonValue] = {"status": 0 if is_refused else 1, "error": error}
    body |= {"num_records_imported": len(reading.messages)} | ({"rejected": rejected} if rejected else {})
    return (400 if is_refused else 200), body


def refusal(error: str) -> JsonValue:
    """Return the body of an error; the Python client raises what `error` says."""
    return {"status": 0, "error": error}


def _rows(body: JsonValue) -> JsonValue:
    if not isinstance(body, dict | list):
        raise Unreadable("the body has to be an object, or a list of them")
    return body if isinstance(body, list) else [body]


def _event(row: dict[str, JsonValue], historical: bool) -> Message:
    event = event_name(row.get("event"))
    kind, name = KINDS.get(event, (MessageKind.TRACK, event))
    properties = object_of(row.get("properties"), "properties")
    speaker = _speaker(event, properties)
    referrer = text_of(properties.get("$referrer"))
    return Message(
        kind,
        name,
        speaker.distinct_id,
        message_id=message_id_of(properties.get("$insert_id"), "$insert_id"),
        is_identified=speaker.is_identified,
        time=time_of(properties.get("time"), "properties.time"),
        properties={name: said for name, said in properties.items() if name not in ("token", "ip")},
        links=speaker.links,
        ip=_ip(properties.get("ip")),
        user_agent=text_of(properties.get("$user_agent")),
        url=text_of(properties.get("$current_url")),
        referrer=None if referrer == "$direct" else referrer,
        title=text_of(properties.get("current_page_title")),
        library=library_of(properties.get("mp_lib"), properties.get("$lib_version")),
        app_version=text_of(properties.get("$app_version_string")) or text_of(properties.get("$app_version")),
        historical=historical,
        is_test=says_test(properties),
    )


def _speaker(event: str, properties: Mapping[str, JsonValue]) -> Speaker:
    distinct_id = id_of(properties.get("distinct_id"), "distinct_id")
    if event == "$create_alias":
        return alias_of(distinct_id, id_of(properties.get("alias"), "alias"))
    if event == "$merge":
        ids = properties.get("$distinct_ids")
        if not isinstance(ids, list) or len(ids) != 2:
            raise Refused(Reason.MISSING_ID, "a merge has to name two $distinct_ids")
        return alias_of(id_of(ids[1], "$distinct_ids"), id_of(ids[0], "$distinct_ids"))
    if event == "$identify":
        user = id_of(properties.get("$identified_id"), "$identified_id") or distinct_id
        before = id_of(properties.get("$anon_id") or properties.get("$anon_distinct_id"), "$anon_distinct_id")
        return speaker_of(user, before, is_claim=True)
    return _known(properties, distinct_id)


def _known(said: Mapping[str, JsonValue], distinct_id: str | None, *, is_claim: bool = False) -> Speaker:
    """Return who speaks by the ids that every message may have: the user's, the device's, the one that is either."""
    user = id_of(said.get("$user_id"), "$user_id")
    device = id_of(said.get("$device_id"), "$device_id")
    if device is not None and not is_nobody(device):
        device = device if device.startswith(DEVICE) else f"{DEVICE}{device}"[:MAX_ID]
    return speaker_of(user, device if user is not None or distinct_id is None else distinct_id, is_claim=is_claim)


def _profile(row: dict[str, JsonValue]) -> Message:
    if "$delete" in row:
        raise Refused(Reason.UNKNOWN_TYPE, "$delete is not taken: a person is erased by whoever runs the product")
    speaker = _known(row, id_of(row.get("$distinct_id"), "$distinct_id"), is_claim=True)
    unset = row.get("$unset") or []
    if not isinstance(unset, list):
        raise Refused(Reason.BAD_PROPERTIES, "$unset has to be a list of names")
    return Message(
        MessageKind.IDENTIFY,
        IDENTIFY,
        speaker.distinct_id,
        is_identified=speaker.is_identified,
        time=time_of(row.get("$time"), "$time"),
        properties=object_of({name: row[name] for name in COUNTED if name in row}, "a profile"),
        links=speaker.links,
        traits_set=object_of(row.get("$set"), "$set"),
        traits_set_once=object_of(row.get("$set_once"), "$set_once"),
        traits_unset=tuple(text for name in unset if (text := text_of(name))),
        ip=_ip(row.get("$ip")),
    )


def _group(row: dict[str, JsonValue]) -> Message:
    type, group = id_of(row.get("$group_key"), "$group_key"), id_of(row.get("$group_id"), "$group_id")
    if type is None or group is None:
        raise Refused(Reason.MISSING_ID, "a group has to have a $group_key and a $group_id")
    if is_nobody(group):
        raise Refused(Reason.BAD_ID, f"{group!r} stands for no group")
    return Message(
        MessageKind.GROUP,
        GROUP,
        f"$group:{type}:{group}"[:MAX_ID],
        time=time_of(row.get("$time"), "$time"),
        properties=object_of({name: row[name] for name in (*COUNTED, "$unset") if name in row}, "a group"),
        groups={type: group},
        group_traits=object_of(row.get("$set_once"), "$set_once") | object_of(row.get("$set"), "$set"),
        personless=True,
    )


def _ip(said: JsonValue) -> str | None:
    """Return the person's address; a client that wants none to be looked at says 0."""
    return None if said in ("0", "1") else text_of(said)
