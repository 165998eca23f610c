"""Entries as a door hands them to a sink, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from opsloop_common.ids import uuid7
from opsloop_metrics.capture.rules import Entry, Link, Message, MessageKind, Outcome, Reading
from opsloop_metrics.recording import service
from opsloop_metrics.recording.service import Sender
from opsloop_metrics.visits.rules import nowhere

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def take(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Keep entries, and call them stored."""
        self.entries += entries
        return [Outcome.STORED] * len(entries)


async def entries_of(
    *messages: Message, workspace: str = "acme", now: datetime = NOW, may_merge: bool = True, vendor: str = ""
) -> list[Entry]:
    """Return the entries that a server's messages become, or where it may not merge a page's."""
    sink, sender = Kept(), Sender(workspace, "server", "key:1", may_merge, vendor)
    await service.accept(sink, nowhere, sender, Reading(tuple(enumerate(messages))), now=now)
    return sink.entries


async def batch(number: int, *, size: int = 50, workspace: str = "acme") -> list[Entry]:
    """Return one request's entries, the same each time: what people did, who they are, and every tenth without a name."""
    return await entries_of(*(_message(number, place) for place in range(size)), workspace=workspace)


def _message(number: int, place: int) -> Message:
    user = f"u{place % 7}"
    fields = {"properties": {"amount": place, "名": "值"}, "time": NOW - timedelta(minutes=number)}
    if place % 5 == 0:
        return Message(
            MessageKind.IDENTIFY, "$identify", user, f"m{number}-{place}", is_identified=True,
            links=(Link(f"a{place % 7}", explicit=False),), traits_set={f"seen_{number}": place}, **fields,
        )  # fmt: skip
    return Message(MessageKind.TRACK, "Paid", f"a{place % 7}", f"m{number}-{place}", **fields)


def nameless(count: int) -> list[Message]:
    """Return messages that their client gave no name."""
    return [Message(MessageKind.TRACK, "Nameless", f"u{n}", properties={"id": str(uuid7())}) for n in range(count)]
