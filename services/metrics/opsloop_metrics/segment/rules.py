"""Segment's wire: six kinds of messages, one by one or in a batch, and what its clients want to hear.

Recorded from analytics-python 2.4.0, rudder-sdk-python 2.1.9 and analytics.js (`@segment/analytics-next` 1.84.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    ALIAS,
    GROUP,
    IDENTIFY,
    PAGEVIEW,
    SCREEN,
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
    "t": MessageKind.TRACK,
    "i": MessageKind.IDENTIFY,
    "p": MessageKind.PAGE,
    "s": MessageKind.SCREEN,
    "g": MessageKind.GROUP,
    "a": MessageKind.ALIAS,
} | {str(kind): kind for kind in MessageKind if kind is not MessageKind.DOMAIN}
"""What the last part of a path says: `/v1/track`, or `/v1/t` as analytics.js has it."""
NAMES = {
    MessageKind.PAGE: PAGEVIEW,
    MessageKind.SCREEN: SCREEN,
    MessageKind.IDENTIFY: IDENTIFY,
    MessageKind.ALIAS: ALIAS,
    MessageKind.GROUP: GROUP,
}
CONTEXT_TOLD = frozenset({"ip", "userAgent", "userAgentData", "page", "locale", "library", "campaign", "groupId"})
"""What of a context has its own place in a message; the rest stays beside the properties, as `$context`."""


def read(body: JsonValue, *, now: datetime, kind: MessageKind | None = None) -> Unread:
    """Read a batch, or the one message of a route that is for one kind.

    Raises Unreadable for a body that is no object, and for a batch that is none.
    """
    if not isinstance(body, dict):
        raise Unreadable("the body has to be an object")
    if kind is not None:
        return unread([body], lambda row: _message(row, {}, kind), "messageId")
    if "batch" not in body:
        raise Unreadable("the body has to have a batch of messages")
    return unread(body["batch"], lambda row: _message(row, body, _kind(row)), "messageId")


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the write key: older clients have it in one place only. The names of headers are in lower case."""
    said = body.get("writeKey") if isinstance(body, dict) else None
    return credential_of(headers.get("authorization")) or text_of(said) or query.get("writeKey") or None


def answer(reading: Reading) -> tuple[int, JsonValue]:
    """Return status and body; RudderStack's clients take nothing but exactly 200 for success."""
    rejected = told(reading.problems)
    if rejected and not reading.messages:
        first = reading.problems[0]
        return 400, {"code": str(first.reason), "message": first.detail, "rejected": rejected}
    return 200, {"success": True} | ({"rejected": rejected} if rejected else {})


def refusal(code: str, message: str) -> JsonValue:
    """Return the body of an error, which the clients show to the developer."""
    return {"code": code, "message": message}


def settings(key: str, api_host: str, protocol: str) -> JsonValue:
    """Return what analytics.js asks for at `/v1/projects/<key>/settings`: where to send, and that nobody else is sent to.

    `api_host` is host and path without a scheme, such as `ops.example/api/metrics/v1`.
    """
    enabled: JsonValue = {"__default": {"enabled": True, "integrations": {}}}
    return {
        "integrations": {"Segment.io": {"apiKey": key, "apiHost": api_host, "protocol": protocol}},
        "plan": {"track": enabled, "identify": enabled, "group": enabled},
        "analyticsNextEnabled": True,
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def _kind(row: Mapping[str, JsonValue]) -> MessageKind:
    type = row.get("type")
    if isinstance(type, str) and len(type) > 1 and type in KINDS:
        return KINDS[type]
    raise Refused(Reason.UNKNOWN_TYPE, "type has to be track, page, screen, identify, alias or group")


def _message(row: dict[str, JsonValue], batch: Mapping[str, JsonValue], kind: MessageKind) -> Message:
    context = object_of(row.get("context"), "context")
    context = object_of(batch.get("context"), "context") | context
    page, library = _inner(context, "page"), _inner(context, "library")
    traits = object_of(row.get("traits"), "traits")
    if kind is MessageKind.IDENTIFY:  # RudderStack's clients have the traits of a person in the context alone
        traits = object_of(context.pop("traits", None), "context.traits") | traits
    properties = _properties(row, context, kind)
    speaker = _speaker(row, kind)
    time, sent_at = _times(row, batch)
    return Message(
        kind,
        NAMES.get(kind) or event_name(row.get("event")),
        speaker.distinct_id,
        message_id=message_id_of(row.get("messageId"), "messageId"),
        is_identified=speaker.is_identified,
        time=time,
        sent_at=sent_at,
        properties=properties,
        links=speaker.links,
        traits_set=traits if kind is MessageKind.IDENTIFY else {},
        groups=_groups(row, context, kind),
        group_traits=traits if kind is MessageKind.GROUP else {},
        ip=text_of(context.get("ip")),
        user_agent=text_of(context.get("userAgent")),
        url=text_of(properties.get("url")) or text_of(page.get("url")),
        referrer=text_of(properties.get("referrer")) or text_of(page.get("referrer")),
        title=_title(row, properties, page, kind),
        locale=text_of(context.get("locale")),
        library=library_of(library.get("name"), library.get("version")),
        app_version=text_of(_inner(context, "app").get("version")),
        session_id=_session_id(context),
        is_test=says_test(properties, context, context.get("traits"), traits),
    )


def _speaker(row: Mapping[str, JsonValue], kind: MessageKind) -> Speaker:
    user = id_of(row.get("userId"), "userId")
    if kind is MessageKind.ALIAS:
        return alias_of(id_of(row.get("previousId"), "previousId"), user)
    anonymous = id_of(row.get("anonymousId"), "anonymousId")
    return speaker_of(user, anonymous, is_claim=kind is MessageKind.IDENTIFY)


def _times(row: Mapping[str, JsonValue], batch: Mapping[str, JsonValue]) -> tuple[datetime | None, datetime | None]:
    """Return when it happened and when it was sent, both by the client's clock.

    What another pipeline hands on has been received once (`receivedAt`), and its `timestamp` was corrected then.
    """
    timestamp = time_of(row.get("timestamp"), "timestamp")
    original = time_of(row.get("originalTimestamp"), "originalTimestamp")
    if row.get("receivedAt"):
        return timestamp or original, None
    return original or timestamp, clock_of(row.get("sentAt")) or clock_of(batch.get("sentAt"))


def _properties(
    row: Mapping[str, JsonValue], context: Mapping[str, JsonValue], kind: MessageKind
) -> dict[str, JsonValue]:
    """Return the properties, with what a message says beside them: a page's name, its campaign, the rest of its context."""
    given = row.get("properties")
    properties = dict(given) if isinstance(given, dict) else object_of(given, "properties")
    beside = {}
    if kind in (MessageKind.PAGE, MessageKind.SCREEN):
        beside = {name: text_of(row.get(name)) for name in ("name", "category")}
    beside |= {
        "utm_campaign" if name == "name" else f"utm_{name}": text_of(said)
        for name, said in _inner(context, "campaign").items()
        if name in ("name", "source", "medium", "term", "content")
    }
    for name, text in beside.items():
        if text is not None:
            properties.setdefault(name, text)
    rest = {name: said for name, said in context.items() if name not in CONTEXT_TOLD}
    if rest:
        properties.setdefault("$context", rest)
    return object_of(properties, "properties")


def _groups(row: Mapping[str, JsonValue], context: Mapping[str, JsonValue], kind: MessageKind) -> dict[str, str]:
    if kind is not MessageKind.GROUP:
        within = context.get("groupId")
        group = id_of(within, "context.groupId") if isinstance(within, str | int) else None
        return {} if group is None or is_nobody(group) else {"group": group}
    group = id_of(row.get("groupId"), "groupId")
    if group is None:
        raise Refused(Reason.MISSING_ID, "a group has to have a groupId")
    if is_nobody(group):
        raise Refused(Reason.BAD_ID, f"{group!r} stands for no group")
    return {"group": group}


def _title(
    row: Mapping[str, JsonValue], properties: Mapping[str, JsonValue], page: Mapping[str, JsonValue], kind: MessageKind
) -> str | None:
    title = text_of(properties.get("title")) or text_of(page.get("title"))
    return title or (text_of(row.get("name")) if kind is MessageKind.SCREEN else None)


def _session_id(context: Mapping[str, JsonValue]) -> str | None:
    """Return RudderStack's session, which is a number."""
    session = context.get("sessionId")
    return str(session) if isinstance(session, int) and not isinstance(session, bool) else text_of(session)


def _inner(context: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    inner = context.get(name)
    return inner if isinstance(inner, dict) else {}
