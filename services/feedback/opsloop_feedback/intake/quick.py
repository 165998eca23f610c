"""One post in one statement: row, stream counter, outbox and idempotency key commit together, with one round trip.

This is the service's hot path, and the one place where speed costs plainness: as three statements in a transaction it took
more than twice as long. It does what `service.submit` does for one post; the same tests hold for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import asyncpg
import orjson
from sqlalchemy.exc import IntegrityError

from opsloop_common.access.idempotency import LOCK_SQL, SEEN_SQL, STORE_SQL, Answer, Keyed
from opsloop_common.db import Context, Database
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.errors import Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.lanes import Statement
from opsloop_common.outbox import statement as outbox
from opsloop_common.outbox.append import event_from
from opsloop_common.wakeups import OUTBOX
from opsloop_feedback.intake import rules

_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_TYPES = {
    "id": "uuid",
    "body": "text",
    "title": "text",
    "kind": "text",
    "severity": "text",
    "sentiment": "double precision",
    "triage": "jsonb",
    "channel": "text",
    "source": "text",
    "external_id": "text",
    "author_user_id": "text",
    "author_email": "text",
    "author_name": "text",
    "author_verified": "boolean",
    "rating": "smallint",
    "locale": "text",
    "tags": "text[]",
    "area": "text",
    "attributes": "jsonb",
    "occurred_at": "timestamptz",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "search_text": "text",
}
_NEW = " ".join(
    (
        f"new AS (INSERT INTO feedback (workspace, {', '.join(_TYPES)})",
        f"SELECT entered.workspace, {', '.join(f'CAST(:{name} AS {type})' for name, type in _TYPES.items())}",
        "FROM entered{also} ON CONFLICT (workspace, source, channel, external_id) WHERE external_id IS NOT NULL DO NOTHING",
        "RETURNING number)",
    )
)
_OUTBOX = (
    f"stream AS ({outbox.STREAM_SQL.format(source='new')}), "
    f"event AS ({outbox.EVENT_SQL.format(late='new.number', source='new')})"
)
_LATE = "jsonb_build_object('number', new.number)"


_UNLESS_SEEN = ", idem_lock WHERE idem_lock.free AND NOT EXISTS (SELECT FROM idem_seen)"
_PLAIN = Statement(
    " ".join((", ".join((f"WITH {ENTERED_SQL}", _NEW.format(also=""), _OUTBOX)), "SELECT number FROM new"))
)
_KEYED = Statement(
    ", ".join(
        (
            f"WITH {ENTERED_SQL}",
            f"idem_seen AS ({SEEN_SQL})",
            f"idem_lock AS MATERIALIZED ({LOCK_SQL})",
            _NEW.format(also=_UNLESS_SEEN),
            _OUTBOX,
            f"idem AS ({STORE_SQL.format(late=_LATE, source='new')})",
        )
    )
    + " SELECT new.number, idem_lock.free, idem_seen.body_hash, idem_seen.answer, idem_seen.late "
    "FROM idem_lock LEFT JOIN new ON true LEFT JOIN idem_seen ON true"
)


async def take_in(
    database: Database, context: Context, row: Mapping[str, Any], *, keyed: Keyed | None, answer: Answer
) -> int | None:
    """Store a new row (`rules.new_row`), its event and the answer to its Idempotency-Key; returns its number, durable.

    None when the (source, channel, external_id) is known: then nothing was written. `answer` has number 0 in it. Replay, KeyBusy (409)
    and Invalid (422) end the request when the key says so.
    """
    event = event_from(
        rules.received(row, 0),
        id=uuid7(),
        time=row["created_at"],
        source=f"/opsloop/{database.service}",
        context=context,
        sequence=1,
    )
    values = dict(row) | outbox.parameters(event, late_field="number")
    values["triage"] = orjson.dumps(row["triage"]).decode()
    values["attributes"] = orjson.dumps(row["attributes"]).decode()
    if keyed is None:
        found = await _run(database, _PLAIN, values)
        number: int | None = None if found is None else found["number"]
    else:
        values |= keyed.parameters(row["created_at"]) | {"idem_answer": keyed.seal(answer)}
        settled = await keyed.settle(database, lambda: _settled(database, values))
        number = settled.number
    if number is not None:
        database.wakeups.fire(OUTBOX)
        # a relay in this process asks PostgreSQL now, which works while the answer is put together
        await asyncio.sleep(0)
    return number


async def _settled(database: Database, values: Mapping[str, Any]) -> Any:
    try:
        return SimpleNamespace(**await _run(database, _KEYED, values))
    except asyncpg.UniqueViolationError as error:
        # in SQLAlchemy's clothes, as settle() expects it
        wrapped = Exception(str(error))
        wrapped.__cause__ = error
        raise IntegrityError(_KEYED.sql, None, wrapped) from error


async def _run(database: Database, statement: Statement, values: Mapping[str, Any]) -> Any:
    """Return the first row, or None. Raises Unavailable (503) when the connection broke on the way."""
    try:
        rows = await database.lanes.fetch(statement, values)
    except _BROKEN as error:
        if isinstance(error, ValueError):  # a value that the driver cannot encode: a fault of ours
            raise
        raise Unavailable("The database is not reachable.", headers={"Retry-After": "1"}) from error
    return rows[0] if rows else None
