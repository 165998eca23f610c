"""Where captured messages go: what a door hands over, and what it hears back once they are durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from opsloop_metrics.people.rules import Heard

PERSON, IS_PERSONLESS = "person", "is_personless"
COLUMNS = (
    "workspace", "id", "message_id", "import_id", "kind", "event", "time", "received_at", "skew_ms", "distinct_id", "session_id",
    "source", "library", "url", "host", "path", "title", "referrer", "referrer_host", "channel",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
    "browser", "browser_version", "os", "device", "country", "region", "city", "locale", "app_version",
    "is_bot", "is_test", "groups", "properties",
)  # fmt: skip
"""What a row of the event store says before it is known whose it is."""


class Outcome(StrEnum):
    """What became of a message: stored, there already, or refused."""

    STORED = "stored"
    KNOWN = "known"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message on its way into the store. `id` names it for ever; without `is_named` the client gave it none, and it is new.

    `row` has the values of `COLUMNS`.
    """

    workspace: str
    id: UUID
    is_named: bool
    heard: Heard
    row: tuple[object, ...]


class Sink(Protocol):
    """Takes entries: a writer in this process, or a log that one reads."""

    async def take(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Return what became of each entry, once those that were taken are durable; raises StoreUnavailable, none taken then."""
        ...
