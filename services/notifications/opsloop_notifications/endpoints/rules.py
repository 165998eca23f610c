"""What an endpoint is called for, and when it has failed for too long. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from opsloop_common.contracts.known import covers, types_of
from opsloop_common.errors import Invalid
from opsloop_common.filters import read_filter, require_meant
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.outbound.urls import BadUrl, check_url
from opsloop_notifications.bindings.rules import is_told
from opsloop_notifications.formats.rules import (
    ALERTMANAGER,
    CLOUDEVENTS,
    NEEDS_SECRET,
    SECRET_IN_URL,
    TAKES_SECRET,
)


class About(StrEnum):
    """What an endpoint is told of: each event as it happens, or alerts in groups."""

    EVENTS = "events"
    ALERTS = "alerts"


class Ordering(StrEnum):
    """Whether what happens goes out at once, or the events of each stream one after the other."""

    NONE = "none"
    STREAM = "stream"


ABOUT_ONLY = {CLOUDEVENTS: About.EVENTS, ALERTMANAGER: About.ALERTS}
"""The formats that can say one of both only."""


class WebhookStatus(StrEnum):
    """`deleted` keeps the row for its deliveries' history; the API no longer shows it."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class Signature(StrEnum):
    """With what calls are signed: HMAC with a shared secret, Ed25519, or each of them."""

    V1 = "v1"
    V1A = "v1a"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Listener:
    """An endpoint that gets events: what it wants of them, and what calling it takes when it was read to be called."""

    id: UUID
    source: str | None
    event_types: Sequence[str]
    filter: Sequence[Any]
    address: Mapping[str, Any]
    state: str = ""
    """What would be another if any of this had changed."""

    @property
    def is_in_order(self) -> bool:
        """Say whether it gets the events of each stream one after the other."""
        return bool(self.address["ordering"] == Ordering.STREAM)


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint that is told of alerts in groups, and what its messages call it."""

    id: UUID
    name: str
    event_types: Sequence[str]


def hears(patterns: Sequence[str], event_type: str) -> bool:
    """Say whether one of the patterns (`*`, `kpi.*`, exact names) covers the type."""
    return any(covers(pattern, event_type) for pattern in patterns)


def is_wanted(endpoint: Listener | Any, event_type: str, data: Mapping[str, Any]) -> bool:
    """Say whether an endpoint is to hear of an event, as far as that has nothing to do with its filter."""
    return hears(endpoint.event_types, event_type) and is_told(endpoint.source, event_type, data)


def about_of(format: str, wanted: str | None) -> About:
    """Return what an endpoint of a format is told of, unless its owner says: events, but in the format of alerts."""
    return About(wanted) if wanted is not None else ABOUT_ONLY.get(format, About.EVENTS)


def require_format(format: str, *, about: str, has_bot_secret: bool) -> None:
    """Raise Invalid where what an endpoint is told of, or its bot's secret, is none of its format."""
    if ABOUT_ONLY.get(format, about) != about:
        raise Invalid("/about", f"must be {ABOUT_ONLY[format]} in the format {format}")
    if format in NEEDS_SECRET and not has_bot_secret:
        raise Invalid(
            "/bot_secret", f"is needed in the format {format}: the key by which its events find their service"
        )
    if has_bot_secret and format not in TAKES_SECRET:
        raise Invalid("/bot_secret", f"is none of the format {format}: only {', '.join(sorted(TAKES_SECRET))} have one")


def require_template(template: str | None, format: str) -> None:
    """Raise Invalid where an endpoint whose format has its own words has a template for its payloads."""
    if template is not None and format != CLOUDEVENTS:
        raise Invalid("/payload_template", f"is for the format {CLOUDEVENTS}: others have their own words")


def require_ordering(ordering: str, *, about: str) -> None:
    """Raise Invalid where an endpoint that is told of alerts is to get them in the order of streams."""
    if ordering == Ordering.STREAM and about == About.ALERTS:
        raise Invalid("/ordering", "must be none for an endpoint that is told of alerts: only events have streams")


def require_url_again(before: str, now: str) -> None:
    """Raise Invalid where an address that was a secret would be shown from now on."""
    if before in SECRET_IN_URL and now not in SECRET_IN_URL:
        raise Invalid("/url", "has to be said again: it was a secret in the format before, and will be shown")


def require_filter(filter: Sequence[Mapping[str, Any]], patterns: Sequence[str], *, about: str) -> None:
    """Raise Invalid for a filter on a field that none of the events that the patterns cover has, or where routes choose."""
    if filter and about == About.ALERTS:
        raise Invalid("/filter", "is of events; which alerts an endpoint gets is said by /v1/alert-routes")
    require_meant(read_filter(filter), types_of(patterns), "/filter")


_MASK = "/…"


def host_of(url: str) -> str:
    """Return the host, and the port if it is named, that a URL calls."""
    return urlsplit(url).netloc


def without_path(url: str) -> str:
    """Return whom a URL calls; what comes after that is often what lets one in."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{_MASK}"


def checked_url(url: str, policy: AddressPolicy) -> str:
    """Return an address as it is called. Raises Invalid for one that must not be, and for one as it is shown: that calls nobody."""
    try:
        checked = check_url(url, policy).url
    except BadUrl as error:
        raise Invalid("/url", str(error)) from error
    if urlsplit(checked).path == quote(_MASK):
        raise Invalid("/url", "is shown without its path; the whole address is needed")
    return checked
