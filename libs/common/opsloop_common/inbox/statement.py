"""The inbox as part of a statement: what it claims has not been applied before, and its stream has no parked events.

    WITH {ENTERED_SQL}, {CLAIM_SQL}, ... SELECT event_id FROM claimed

with `claim_parameters(...)` bound. Whatever is done for the events in the same statement takes them from `claimed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsloop_common.contracts.envelope import Event
from opsloop_common.inbox.tables import inbox, parked_event
from opsloop_common.parameters import bound, unnested

_EVENTS = unnested(
    "e",
    {
        "claim_ids": inbox.c.event_id,
        "claim_sources": parked_event.c.source,
        "claim_streams": parked_event.c.stream,
    },
)


def claim_sql(*, only_if: str = "TRUE") -> str:
    """Return the part that claims; with a condition, only where it holds."""
    return (
        "claimed AS (INSERT INTO inbox (consumer, event_id) "  # noqa: S608 our own names
        f"SELECT {bound([inbox.c.consumer])}, e.event_id FROM entered, {_EVENTS} "
        f"WHERE {only_if} AND NOT EXISTS (SELECT FROM parked_event AS p "
        "WHERE p.consumer = :consumer AND p.source = e.source AND p.stream = e.stream) "
        "ON CONFLICT DO NOTHING RETURNING event_id)"
    )


CLAIM_SQL = claim_sql()


def claim_parameters(consumer: str, events: Sequence[Event]) -> dict[str, Any]:
    """Return the parameters that claim `events`, all of one workspace, for a consumer."""
    by_id = {event.id: event for event in events}
    return {
        "workspace": events[0].workspace,
        "consumer": consumer,
        "claim_ids": list(by_id),
        "claim_sources": [event.service for event in by_id.values()],
        "claim_streams": [event.partitionkey for event in by_id.values()],
    }
