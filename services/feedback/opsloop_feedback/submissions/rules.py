"""Decisions about what comes in: whether it can be so, and whether its credential may claim it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson

from opsloop_common.access.principal import STRANGERS, Principal
from opsloop_common.access.principal import Kind as Credential
from opsloop_common.contracts.feedback import Channel, Kind
from opsloop_common.documents import is_deeper_than
from opsloop_common.errors import Invalid
from opsloop_common.foreign import readable as readable_by
from opsloop_common.invisible import says_something

CLOCKS_MAY_DIFFER = timedelta(days=1)
NOT_YET = "lies more than a day in the future"
NOT_NAMED_HERE = "may only be given with a secret key"
NOT_THE_USER = "must be the user of the token, or be left out"
SOURCE_URL_CHARACTERS = 2_000
ON_BEHALF = frozenset({"phone", "interview", "social", "community"})
"""Channels on which people speak to the staff, or elsewhere, and the staff writes it down."""
_NO_ADDRESS = re.compile(r"[\s\"<>\\^`{|}\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
ATTRIBUTES_LIMIT_BYTES = 64 * 1024
ATTRIBUTES_LEVELS = 32


@dataclass(frozen=True)
class Submission:
    """What somebody said, as it came in and was found well formed."""

    body: str
    source: str
    channel: Channel = "api"
    title: str | None = None
    kind: Kind | None = None
    external_id: str | None = None
    author_user_id: str | None = None
    author_email: str | None = None
    author_name: str | None = None
    author_verified: bool = True
    rating: int | None = None
    locale: str | None = None
    tags: list[str] = field(default_factory=list)
    area: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    source_url: str | None = None
    entered_by: str | None = None


# control characters carry nothing that a reader sees, and break exports and terminals; line ends and tabs stay. A byte order mark at
# the beginning is none of the text; within it is a joiner like others, which are kept for showing
_CONTROL = re.compile(r"\A\ufeff|[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def readable(text: str) -> str:
    """Return what somebody wrote without control characters; a ValueError when nothing is left to read."""
    kept = text if text.isprintable() else _CONTROL.sub("", text)
    if not says_something(kept):
        raise ValueError("must say something")
    return kept


def is_said(occurred_at: datetime | None, now: datetime) -> bool:
    """Say whether a post is not from a time to come; a day is granted to clocks that differ."""
    return occurred_at is None or occurred_at <= now + CLOCKS_MAY_DIFFER


def require_said(said: Submission, now: datetime) -> None:
    """Raise Invalid (422) for a post from a time to come."""
    if not is_said(said.occurred_at, now):
        raise Invalid("/occurred_at", NOT_YET)


def may_read(who: Principal) -> bool:
    """Say whether a credential may be shown all of an item; what anybody may have may not, whatever its scopes."""
    return who.has("feedback:read") and who.kind not in STRANGERS


def is_believed(who: Principal) -> bool:
    """Say whether the author that a credential names is so; who holds what anybody may have names whom they like."""
    return who.kind is Credential.USER or who.kind not in STRANGERS


def require_claims(said: Submission, who: Principal) -> None:
    """Raise Invalid (422) for a claim that the post's credential may not make.

    What strangers post has one source for many of them: an `external_id` of one would be that of all.
    """
    if who.kind not in STRANGERS:
        return
    if said.external_id is not None:
        raise Invalid("/external_id", NOT_NAMED_HERE)
    if said.source_url is not None:
        raise Invalid("/source_url", NOT_NAMED_HERE)
    if who.kind is Credential.USER and said.author_user_id != who.user_id:
        raise Invalid("/author/user_id", NOT_THE_USER)


def source_url_flaw(url: str) -> str | None:
    """Say why an address may not be shown as where something was said, None when it may: nobody calls it, and it runs nothing."""
    parts = readable_by(urlsplit, url)
    port = None if parts is None else readable_by(lambda: parts.port or 0)
    if parts is None or port is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be an address that begins with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return "must name no user and no password"
    if _NO_ADDRESS.search(url):
        return "must not contain spaces, quotation marks, angle brackets, backslashes or control characters"
    return None


def entered_by(who: Principal, channel: str, *, names_somebody: bool) -> str | None:
    """Return who of the staff entered what somebody else said by word of mouth or elsewhere; None where they said it themselves."""
    is_staff = who.kind not in STRANGERS and who.has("feedback:write")
    return who.actor if is_staff and names_somebody and channel in ON_BEHALF else None


def attributes_flaw(attributes: dict[str, Any]) -> str | None:
    """Say what is wrong with free attributes, None when they are small and flat enough."""
    if len(orjson.dumps(attributes)) > ATTRIBUTES_LIMIT_BYTES:
        return f"must not be larger than {ATTRIBUTES_LIMIT_BYTES} bytes"
    if is_deeper_than(attributes, ATTRIBUTES_LEVELS):
        return f"must not be nested deeper than {ATTRIBUTES_LEVELS} levels"
    return None
