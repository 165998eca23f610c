"""Which headers an endpoint's owner may give, how many, and which are ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from opsloop_common.errors import Invalid

MOST_HEADERS = 20
HEADER_CHARACTERS = 1_000
HEADERS_CHARACTERS = 8_000
HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}"
HEADER_VALUE = r"[!-~]([ -~]{0,998}[!-~])?"
WITHHELD = "(secret)"
"""In the place of a value that is not shown."""
USER_AGENT = "OpsLoop-Webhooks/1"
_CONNECTIONS = {"trailer", "expect", "host", "te", "upgrade", "connection", "keep-alive", "transfer-encoding"}
_SENDERS = {
    "baggage",
    "date",
    "user-agent",
    "forwarded",
    "x-real-ip",
    "traceparent",
    "tracestate",
    "accept-encoding",
    "via",
}
_RESERVED_BEGINNINGS = ("content-", "proxy-", "webhook-", "svix-", "ce-", "x-forwarded-")
"""What belongs to the connection, says what is sent or who sent it, or is signed. `Authorization` is the owner's."""


def header_fault(name: str) -> str | None:
    """Return why an endpoint's owner may not give a header this name, None when they may."""
    if not re.fullmatch(HEADER_NAME, name):
        return "is no name of a header"
    known = name.lower()
    if known in _CONNECTIONS | _SENDERS or known.startswith(_RESERVED_BEGINNINGS):
        return "this header belongs to the call itself and cannot be given"
    return None


def with_changes(headers: Mapping[str, str], changes: Mapping[str, str | bool | None]) -> dict[str, str]:
    """Return headers by lower-case name with some set, left as they are (True), or taken away (None); raises Invalid for too much."""
    merged: dict[str, str | None] = dict(headers)
    for name, value in changes.items():
        if not isinstance(value, bool):
            merged[name.lower()] = value
        elif name.lower() not in headers:
            raise Invalid(f"/headers/{name.replace('~', '~0')}", "has no value yet: say which")
    found = {name: value for name, value in sorted(merged.items()) if value is not None}
    if len(found) > MOST_HEADERS or sum(len(name) + len(value) for name, value in found.items()) > HEADERS_CHARACTERS:
        raise Invalid(
            "/headers", f"must not be more than {MOST_HEADERS} headers of {HEADERS_CHARACTERS:,} characters in all"
        )
    return found


def headers_of_call(
    message_id: str, content_type: str, *, traceparent: str | None, origin: str | None
) -> dict[str, str]:
    """Return our headers of a call but those that sign it; `origin` where the endpoint was asked for its consent."""
    headers = {"content-type": content_type, "user-agent": USER_AGENT, "webhook-id": message_id}
    headers |= {"traceparent": traceparent} if traceparent else {}
    return headers | ({"webhook-request-origin": origin} if origin else {})
