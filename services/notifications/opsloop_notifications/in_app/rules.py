"""What an inbox shows, and what becomes of an entry that somebody does something with. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from opsloop_common.errors import Invalid

BUCKETS = 256
"""So many names wake those who watch inboxes: a change wakes about one in as many."""


class Shelf(StrEnum):
    """What is listed: `open` is all that is neither archived nor snoozed."""

    OPEN = "open"
    UNSEEN = "unseen"
    UNREAD = "unread"
    READ = "read"
    ARCHIVED = "archived"
    SNOOZED = "snoozed"


class Mark(StrEnum):
    """What is done with many at once."""

    SEEN = "seen"
    READ = "read"
    UNREAD = "unread"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"


FROM = {
    Mark.SEEN: Shelf.UNSEEN,
    Mark.READ: Shelf.UNREAD,
    Mark.UNREAD: Shelf.READ,
    Mark.ARCHIVED: Shelf.OPEN,
    Mark.UNARCHIVED: Shelf.ARCHIVED,
}
"""Where those lie that a mark may change."""


def wakeup(workspace: str, user_id: str) -> str:
    """Return the name that wakes those who watch a person's inbox, and a few others."""
    digest = hashlib.blake2b(f"{workspace}/{user_id}".encode(), digest_size=2).digest()
    return f"inbox/{int.from_bytes(digest) % BUCKETS}"


def marked(mark: Mark, now: datetime) -> dict[str, Any]:
    """Return what an entry becomes; who read something has seen it, and what is archived sleeps no longer."""
    match mark:
        case Mark.SEEN:
            return {"seen_at": now}
        case Mark.READ:
            return {"seen_at": now, "read_at": now}
        case Mark.UNREAD:
            return {"read_at": None}
        case Mark.ARCHIVED:
            return {"seen_at": now, "archived_at": now, "snoozed_until": None}
        case Mark.UNARCHIVED:
            return {"archived_at": None}


def differing(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the wanted is another than what is; a time that is set stays as it was."""
    return {name: value for name, value in wanted.items() if (row[name] is None) != (value is None)}


def wanted_of(said: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what an entry is to become of what is said of it: `is_seen`, `is_read`, `is_archived`, `snoozed_until`."""
    wanted: dict[str, Any] = {}
    for name, column in (("is_seen", "seen_at"), ("is_read", "read_at"), ("is_archived", "archived_at")):
        if name in said:
            wanted[column] = now if said[name] else None
    if said.get("is_read") and "is_seen" not in said:
        wanted["seen_at"] = now
    if said.get("is_seen") is False and "is_read" not in said:
        wanted["read_at"] = None
    if said.get("is_archived") and "snoozed_until" not in said:
        wanted["snoozed_until"] = None
    return wanted


def require_later(until: datetime | None, now: datetime) -> None:
    """Raise Invalid (422) for a time that has passed."""
    if until is not None and until <= now:
        raise Invalid("/snoozed_until", "has passed")
