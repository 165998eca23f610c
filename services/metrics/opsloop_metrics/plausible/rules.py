"""Plausible's wire: one event a request, of visitors who have no id.

Recorded from `@plausible-analytics/tracker` 0.4.6, which sends JSON as `text/plain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import orjson
from pydantic import JsonValue

from opsloop_common.foreign import readable
from opsloop_metrics.capture.rules import (
    PAGEVIEW,
    Message,
    MessageKind,
    Reading,
    Reason,
    Refused,
    Unreadable,
    event_name,
    object_of,
    storable,
)
from opsloop_metrics.reading.rules import Sender, Unread, credential_of, text_of, unread, visitor_of

MAX_PROPS = 30
"""Custom properties of an event, as Plausible documents them; what is beyond is dropped there too."""
ACCEPTED = 202, "ok"
"""Status and text of an answer, also for what is kept aside."""


def read(body: JsonValue, *, now: datetime, sender: Sender) -> Unread:
    """Read the one event of a request. Raises Unreadable for a body that is no object."""
    if not isinstance(body, dict):
        raise Unreadable("the body has to be an object")
    return unread([body], lambda row: _message(row, now, sender))


def key_in(body: JsonValue, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key: `?key=` of the endpoint that the site names, a Bearer's token, or else the first domain."""
    said = _domains(body)[:1] if isinstance(body, dict) else []
    return query.get("key") or credential_of(headers.get("authorization")) or next(iter(said), None)


def answer(reading: Reading) -> tuple[int, JsonValue]:
    """Return status and text, or an object for what is refused."""
    return ACCEPTED if reading.messages else (400, refusal(reading.problems[0].detail))


def refusal(detail: str) -> JsonValue:
    """Return the body of an error."""
    return {"errors": {"event": [detail]}}


def _message(row: dict[str, JsonValue], now: datetime, sender: Sender) -> Message:
    name = event_name(_either(row, "n", "name"))
    url = text_of(_either(row, "u", "url"))
    if url is None:
        raise Refused(Reason.BAD_PROPERTIES, "url has to be a text that says where it happened")
    site = next(iter(_domains(row)), None) or readable(_host, url) or ""
    return Message(
        MessageKind.PAGE if name == "pageview" else MessageKind.TRACK,
        PAGEVIEW if name == "pageview" else name,
        visitor_of(sender, site=site, period=f"{now:%Y-%m-%d}"),
        properties=_properties(row),
        url=url,
        referrer=text_of(_either(row, "r", "referrer")),
        library="plausible",
    )


def _either(row: Mapping[str, JsonValue], *names: str) -> JsonValue:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _domains(row: Mapping[str, JsonValue]) -> list[str]:
    """Return the sites that an event is of; a list with commas names several."""
    said = text_of(_either(row, "d", "domain")) or ""
    return [domain for each in said.split(",") if (domain := each.strip())]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _properties(row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the custom properties as texts, and what an event says of money and of attention under names of ours."""
    props = _either(row, "m", "p", "meta", "props")
    if isinstance(props, str):
        props = readable(orjson.loads, props.encode(errors="replace"))
        if props is None:
            raise Refused(Reason.BAD_PROPERTIES, "props has to be an object")
    given = object_of(props, "props").items()
    kept: dict[str, JsonValue] = {name: text for name, said in given if (text := _text(said)) is not None}
    kept = dict(list(kept.items())[:MAX_PROPS])
    revenue = _either(row, "$", "revenue")
    if isinstance(revenue, dict):
        kept |= {"revenue": _amount(revenue.get("amount")), "currency": text_of(revenue.get("currency"))}
    for short, long in (("sd", "scroll_depth"), ("e", "engagement_ms"), ("i", "interactive"), ("interactive",) * 2):
        if isinstance(row.get(short), bool | int | float):
            kept.setdefault(long, row[short])
    return object_of(kept, "props")


def _text(said: JsonValue) -> str | None:
    if isinstance(said, bool):
        return "true" if said else "false"
    return storable(str(said)) or None if isinstance(said, str | int | float) else None


def _amount(said: JsonValue) -> float | None:
    try:
        return float(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else None
    except (ValueError, OverflowError) as error:
        raise Refused(Reason.BAD_PROPERTIES, "revenue.amount has to be a number") from error
