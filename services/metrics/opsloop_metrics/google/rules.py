"""Google Analytics 4's measurement protocol: what a server sends of one visitor, up to 25 events a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from opsloop_metrics.capture.rules import (
    PAGEVIEW,
    SCREEN,
    Message,
    MessageKind,
    Reading,
    Unreadable,
    event_name,
    id_of,
    object_of,
)
from opsloop_metrics.reading.rules import Unread, says_test, speaker_of, text_of, time_of, unread

KINDS = {"page_view": (MessageKind.PAGE, PAGEVIEW), "screen_view": (MessageKind.SCREEN, SCREEN)}
ACCEPTED = 204
"""The status of every answer, which has no body: GA4 tells nobody what was wrong, but for its debugging path."""


def read(body: JsonValue, *, now: datetime) -> Unread:
    """Read the events of one visitor. Raises Unreadable for a body without any."""
    if not isinstance(body, dict) or "events" not in body:
        raise Unreadable("the body has to be an object with events")
    return unread(body["events"], lambda row: _message(row, body))


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key, which is the address's `api_secret`."""
    return query.get("api_secret") or None


def validation(reading: Reading) -> JsonValue:
    """Return what `/debug/mp/collect` says was wrong; nothing where all is well."""
    return {
        "validationMessages": [
            {
                "fieldPath": f"events[{problem.index}]",
                "description": problem.detail,
                "validationCode": str(problem.reason).upper(),
            }
            for problem in reading.problems[:100]
        ]
    }


def _message(row: dict[str, JsonValue], body: Mapping[str, JsonValue]) -> Message:
    event = event_name(row.get("name"))
    kind, name = KINDS.get(event, (MessageKind.TRACK, event))
    params = object_of(row.get("params"), "params")
    client = id_of(body.get("client_id") or body.get("app_instance_id"), "client_id")
    speaker = speaker_of(id_of(body.get("user_id"), "user_id"), client)
    stamp = row.get("timestamp_micros") or body.get("timestamp_micros")
    return Message(
        kind,
        name,
        speaker.distinct_id,
        is_identified=speaker.is_identified,
        time=time_of(stamp, "timestamp_micros"),
        properties=params,
        links=speaker.links,
        traits_set=_traits(body.get("user_properties")),
        ip=text_of(body.get("ip_override")),
        user_agent=text_of(body.get("user_agent")),
        url=text_of(params.get("page_location")),
        referrer=text_of(params.get("page_referrer")),
        title=text_of(params.get("page_title")) or text_of(params.get("screen_name")),
        locale=text_of(params.get("language")),
        library="measurement-protocol",
        app_version=text_of(params.get("app_version")),
        session_id=_session_id(params),
        is_test=says_test(params) or params.get("debug_mode") in (True, "1", "true"),
    )


def _traits(said: JsonValue) -> dict[str, JsonValue]:
    """Return a visitor's traits, each of which is an object with a value."""
    given = object_of(said, "user_properties")
    return {name: each["value"] for name, each in given.items() if isinstance(each, dict) and "value" in each}


def _session_id(params: Mapping[str, JsonValue]) -> str | None:
    session = params.get("session_id") or params.get("ga_session_id")
    is_number = isinstance(session, int) and not isinstance(session, bool)
    return str(session)[:200] if is_number else text_of(session)
