"""What an endpoint that is bound to a source hears, and what it is told of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsloop_common.access.principal import Kind, Principal
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.known import covers, types_of
from opsloop_common.documents import read_document, write_document
from opsloop_common.errors import Forbidden, Invalid
from opsloop_common.filters import leaves, read_filter
from opsloop_notifications.formats.rules import CLOUDEVENTS

SCOPE = "notifications:subscribe"
STATES = (
    "feedback.received",
    "feedback.replied",
    "feedback.resolved",
    "feedback.reopened",
    "feedback.merged",
    "feedback.unmerged",
)
"""How far a post is. Who has it, how it was sorted and by when it is due is the desk's own."""
ATTRIBUTES = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "workspace",
    "partitionkey",
    "sequence",
    "traceparent",
    "link",
)
"""Of the event; not who did it, nor what led to it. Without its schema, which the rest of `data` is not of."""
FIELDS = ("feedback_id", "number", "status", "external_id", "channel", "source", "message_id", "webhook_id")
"""Of its data: what a post's receipt has, the id of a reply, whose text is asked for, and in a test the endpoint's."""


def bound_to(who: Principal, *, unless: str) -> str | None:
    """Return the source to whose endpoints somebody is held, None for who may do what needs the scope `unless`.

    Raises Forbidden (403) for people: they have no source of their own.
    """
    if who.has(unless):
        return None
    if who.kind is not Kind.KEY:
        raise Forbidden(f"{SCOPE} is for keys: they have a source.")
    return who.source


def is_told(source: str | None, event_type: str, data: Mapping[str, Any]) -> bool:
    """Say whether an endpoint that is bound to a source, or to none, may hear an event."""
    return source is None or (event_type in STATES and data.get("source") == source)


def cut(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an event's document what a partner may know."""
    kept = {name: document[name] for name in ATTRIBUTES if name in document}
    return kept | {"data": {name: document["data"][name] for name in FIELDS if name in document["data"]}}


def document_for(source: str | None, event: Event) -> dict[str, Any]:
    """Return an event's document as an endpoint gets it."""
    return event.document() if source is None else cut(event.document())


def text_for(source: str | None, document: str) -> str:
    """Return an event's document as it was written, or of it what an endpoint gets that is bound to a source."""
    return document if source is None else write_document(cut(read_document(document)))


def require_bound(filter: Sequence[Mapping[str, Any]], patterns: Sequence[str], *, format: str, about: str) -> None:
    """Raise Invalid where an endpoint of a source is to hear, ask for or say what a partner may not know."""
    for place, pattern in enumerate(patterns):
        if not any(covers(pattern, state) for state in STATES):
            raise Invalid(f"/event_types/{place}", f"is none that a source may hear: those are {', '.join(STATES)}")
    if about != "events":
        raise Invalid("/about", "must be events for an endpoint of a source")
    if format != CLOUDEVENTS:
        raise Invalid("/format", f"must be {CLOUDEVENTS} for an endpoint of a source")
    for pointer, leaf in leaves(read_filter(filter), "/filter"):
        if leaf.field not in ATTRIBUTES and leaf.field.removeprefix("data.") not in FIELDS:
            raise Invalid(f"{pointer}/field", f"is none that a source is told: of data those are {', '.join(FIELDS)}")


def states_of(patterns: Sequence[str]) -> list[str]:
    """Return the states that patterns of an endpoint of a source cover, in the order in which they come."""
    covered = set(types_of(patterns))
    return [state for state in STATES if state in covered]
