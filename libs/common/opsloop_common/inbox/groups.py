"""How parked events are grouped; read by the API through a session, and by the command, which loads none, through the driver."""

GROUPS_SQL = """
SELECT p.consumer, p.fingerprint, max(p.reason) AS reason, count(*) AS failed, CAST(coalesce(sum(b.behind), 0) AS bigint) AS held,
       min(p.parked_at) AS first_at, max(p.parked_at) AS last_at
  FROM parked_event AS p
 CROSS JOIN LATERAL (SELECT count(*) AS behind FROM parked_event AS h WHERE h.status = 'held'
                      AND h.consumer = p.consumer AND h.source = p.source AND h.stream = p.stream) AS b
 WHERE p.status = 'failed' AND (CAST({workspace} AS text) IS NULL OR
       (p.workspace = {workspace} AND coalesce(p.type, '') <> ALL(string_to_array({internal}, ' '))))
 GROUP BY p.consumer, p.fingerprint ORDER BY count(*) DESC, p.consumer, p.fingerprint
"""
"""What failed, the most frequent first; `held` waits behind it. `{workspace}` is a parameter, null for all; of one, types in `{internal}`,
a parameter or text with spaces between, are left out."""
