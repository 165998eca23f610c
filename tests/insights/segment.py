"""Events as Segment's clients send them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.insights.reference.events import Event

Json = dict[str, Any]


def message(event: Event, *, user_id: str | None, anonymous_id: str | None = None, **more: Any) -> Json:
    """Return one message of a batch; `more` goes in as it is (previousId, traits)."""
    kind = event["kind"]
    sent: Json = {
        "type": kind,
        "messageId": event["id"],
        "timestamp": event["time"].isoformat(timespec="milliseconds"),
        "userId": user_id,
        "anonymousId": anonymous_id,
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "integrations": {},
        **more,
    }
    if kind == "track":
        sent["event"] = event["event"]
    if kind in ("track", "page", "screen"):
        sent["properties"] = dict(event["properties"])
    if kind in ("page", "screen"):
        sent["name"] = event["properties"].get("title", "")
    return sent


def messages_of(events: Sequence[Event]) -> list[Json]:
    """Return the messages of a world worked by hand: each person is one user id."""
    more = {"identify": {"traits": {}}}
    return [message(one, user_id=one["person"], **more.get(one["kind"], {})) for one in events]


def batches(messages: Sequence[Json], size: int = 100) -> Iterator[Json]:
    """Yield the bodies that bring messages to `/v1/batch`. They have no sentAt: times are as they stand."""
    for start in range(0, len(messages), size):
        yield {"batch": list(messages[start : start + size])}
