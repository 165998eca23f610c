"""A message as a consumer meets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsloop_common.contracts.envelope import Event
from opsloop_common.foreign import Unreadable, reading


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a consumer meets it. `event` is None when the bytes are not an event."""

    source: str
    """Name of the producing service."""
    origin: str
    """Where it was read: `outbox@position` or `topic[partition]@offset`."""
    body: bytes | str
    event: Event | None
    fault: str = ""
    """Why the bytes are not an event."""


def read(body: bytes | str, *, source: str, origin: str) -> Delivery:
    """Return the delivery of a message's bytes; what cannot be read has no event and says why."""
    try:
        with reading():
            event = Event.from_bytes(body)
    except Unreadable as error:
        return Delivery(source, origin, body, None, fault=unreadable(error.__cause__ or error))
    if fault := unstorable(event):
        return Delivery(source, origin, body, None, fault=fault)
    return Delivery(source, origin, body, event)


def unstorable(event: Event) -> str:
    """Return why PostgreSQL could not even park the event under its own name; empty when it can."""
    if "\0" in f"{event.source}{event.type}{event.partitionkey}{event.workspace}{event.actor}{event.correlationid}":
        return "an attribute contains NUL"
    if event.sequence >= 2**63:
        return "the sequence is beyond 64 bits"
    return ""


def unreadable(error: BaseException) -> str:
    """Return why bytes are not an event, without repeating them."""
    details = getattr(error, "errors", None)
    if details is None:
        return type(error).__name__
    found: Sequence[dict[str, object]] = details(include_input=False, include_url=False)
    return "; ".join(f"{e['loc']}: {e['msg']}" for e in found)[:500]
