"""What is read of deliveries on their way, with all that calling takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsloop_common.due.claims import in_turn, workspaces_in_turn
from opsloop_common.due.port import Ask
from opsloop_common.lanes import Lanes, Statement
from opsloop_notifications.deliveries.rules import TEST_TYPE

# One statement over the tables of three rooms: on the way from an accepted event to its webhook each round trip counts
# (claim, deliveries, documents and endpoints apart were five of them). A claim need not survive the server's crash, so nothing
# waits for the disk.
_PICKED = in_turn(
    "delivery_queue",
    workspaces_in_turn("delivery_queue"),
    outer="workspace",
    inner="group_key",
    room=":per_line - coalesce(held.count, 0)",
    held="LEFT JOIN unnest(CAST(:held_groups AS text[]), CAST(:held_counts AS integer[])) AS held(key, count) USING (key)",
)
_CLAIM_CALLS = Statement(
    "WITH hurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)), "  # noqa: S608 our own part
    f"picked AS ({_PICKED}), "
    "mine AS (UPDATE delivery_queue AS q SET owner = :owner, claimed_at = :now, attempts = q.attempts + 1 "
    "WHERE q.id = ANY(ARRAY(SELECT id FROM picked)) RETURNING q.id, q.workspace, q.group_key, q.tries, q.due_at, q.line_id) "
    "SELECT mine.id, mine.workspace, mine.group_key, mine.tries, mine.due_at, mine.line_id, d.webhook_id, d.event_id, d.attempt_count, "
    "d.created_at, d.event_type, d.event_type = :test_type AS is_test, "
    "coalesce(d.document, e.document) AS document, w.source, w.url, w.status, w.rate_limit, w.allowed_rate, w.handshake, "
    "w.handshake AND w.consented_at IS NULL AS lacks_consent, w.format, w.language, "
    "w.sealed_bot_secret, w.sealed_headers, w.payload_template, w.secret, w.previous_secret, w.previous_expires_at, "
    "w.failing_since IS NOT NULL AS is_failing "
    "FROM mine CROSS JOIN hurried JOIN delivery AS d ON d.id = mine.id LEFT JOIN webhook AS w ON w.id = d.webhook_id "
    "LEFT JOIN event_log AS e ON e.workspace = d.workspace AND e.event_id = d.event_id AND d.document IS NULL"
)


async def claim_calls(
    lanes: Lanes, ask: Ask, *, per_line: int, charged: Mapping[str, int]
) -> Sequence[Mapping[str, Any]]:
    """Claim due deliveries, committed, and return them with their documents and endpoints.

    Workspaces take turns, and the lines of endpoints of each; one that is `charged` with some gets that many fewer than `per_line`.
    """
    given = {
        "now": ask.now,
        "owner": ask.owner,
        "limit": ask.limit,
        "share": ask.share,
        "full": list(ask.full),
        "per_line": per_line,
        "held_groups": list(charged),
        "held_counts": list(charged.values()),
        "test_type": TEST_TYPE,
    }
    return await lanes.fetch(_CLAIM_CALLS, given)
