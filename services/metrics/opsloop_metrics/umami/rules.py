"""Umami's wire: pages and events of visitors who have no id unless the site gives them one.

Recorded from umami-analytics 1.0.0 (PyPI) and read of `@umami/node` 0.4.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    IDENTIFY,
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
    Sender,
    Unread,
    credential_of,
    says_test,
    text_of,
    time_of,
    told,
    unread,
    visitor_of,
)

WEB_VITALS = "$web_vitals"
MEASURED = ("lcp", "inp", "cls", "fcp", "ttfb")
"""What a page measures of itself: milliseconds, but for `cls`, which has no unit."""
PLACES = ("website", "link", "pixel")
"""Where a payload says what it is of, which is the key here."""
BOT: JsonValue = {"beep": "boop"}
"""What Umami answers a robot."""


def read(body: JsonValue, *, now: datetime, sender: Sender) -> Unread:
    """Read what came to `/api/send`, or the list of `/api/batch`. Raises Unreadable for neither an object nor a list."""
    if not isinstance(body, dict | list):
        raise Unreadable("the body has to be an object, or a list of them")
    return unread(body if isinstance(body, list) else [body], lambda row: _message(row, now, sender))


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key: the payload's website, since the clients send no other; umami-analytics says `Bearer None`."""
    first = body[0] if isinstance(body, list) and body else body
    payload = first.get("payload") if isinstance(first, dict) else None
    found = [text_of(payload.get(place)) for place in PLACES] if isinstance(payload, dict) else []
    return next((key for key in found if key), None) or credential_of(headers.get("authorization")) or query.get("key")


def answer(reading: Reading) -> tuple[int, JsonValue]:
    """Return status and body for `/api/send`: the client says `cache` again in `x-umami-cache`, and needs nothing of it."""
    if not reading.messages:
        detail = reading.problems[0].detail if reading.problems else "nothing was sent"
        return 400, refusal("bad-request", detail)
    session, visit = _session(reading.messages[0][1])
    return 200, {"cache": visit, "sessionId": session, "visitId": visit}


def answer_batch(reading: Reading) -> tuple[int, JsonValue]:
    """Return status and body for `/api/batch`, which tells the errors and takes the rest."""
    taken = len(reading.messages)
    cache = _session(reading.messages[-1][1])[1] if taken else None
    details = told(reading.problems)
    errors = len(reading.problems)
    return 200, {"size": taken + errors, "processed": taken, "errors": errors, "details": details, "cache": cache}


def refusal(code: str, message: str) -> JsonValue:
    """Return the body of an error."""
    return {"error": {"code": code, "message": message}}


def _message(row: dict[str, JsonValue], now: datetime, sender: Sender) -> Message:
    payload = object_of(row.get("payload"), "payload")
    if not payload:
        raise Refused(Reason.BAD_PROPERTIES, "payload has to say something")
    kind, event = _kind(row.get("type"), payload)
    data = object_of(payload.get("data"), "payload.data")
    sender = replace(
        sender,
        ip=text_of(payload.get("ip")) or sender.ip,
        user_agent=text_of(payload.get("userAgent")) or sender.user_agent,
    )
    user = id_of(payload.get("id"), "payload.id")
    is_identified = user is not None and not is_nobody(user)
    properties = {} if kind is MessageKind.IDENTIFY else data
    names = ("screen", "tag", *(MEASURED if event == WEB_VITALS else ()))
    properties = {name: payload[name] for name in names if payload.get(name) is not None} | properties
    # no link between the id and the visitor without one: behind one address two users would become one person
    return Message(
        kind,
        event,
        user if user is not None and is_identified else visitor_of(sender, site=_site(payload), period=f"{now:%Y-%m}"),
        is_identified=is_identified,
        time=time_of(payload.get("timestamp"), "payload.timestamp"),
        properties=object_of(properties, "payload.data"),
        traits_set=data if kind is MessageKind.IDENTIFY else {},
        ip=text_of(payload.get("ip")),
        user_agent=text_of(payload.get("userAgent")),
        url=_url(payload),
        referrer=text_of(payload.get("referrer")),
        title=text_of(payload.get("title")),
        locale=text_of(payload.get("language")),
        library="umami",
        is_test=says_test(data),
    )


def _kind(type: JsonValue, payload: Mapping[str, JsonValue]) -> tuple[MessageKind, str]:
    """Return what it is: an event with a name is one, without it is a page."""
    match type:
        case "event" if payload.get("name") in (None, ""):
            return MessageKind.PAGE, PAGEVIEW
        case "event":
            return MessageKind.TRACK, event_name(payload["name"])
        case "identify":
            return MessageKind.IDENTIFY, IDENTIFY
        case "performance":
            return MessageKind.TRACK, WEB_VITALS
    raise Refused(Reason.UNKNOWN_TYPE, "type has to be event, identify or performance")


def _site(payload: Mapping[str, JsonValue]) -> str:
    return next((text for name in (*PLACES, "hostname") if (text := text_of(payload.get(name)))), "")


def _url(payload: Mapping[str, JsonValue]) -> str | None:
    """Return the page's url; some clients send a path, and the host beside it."""
    url, host = text_of(payload.get("url")), text_of(payload.get("hostname"))
    return f"https://{host}{url}" if url and host and url.startswith("/") else url


def _session(message: Message) -> tuple[str, str]:
    """Return the ids of a session and of a visit, which Umami's client hands on to whoever asks for them."""
    names = (message.distinct_id, f"{message.distinct_id}\x00visit")
    session, visit = (str(UUID(bytes=blake2b(name.encode(), digest_size=16).digest())) for name in names)
    return session, visit
