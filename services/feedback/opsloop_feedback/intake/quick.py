"""One post in one statement: row, stream counter, outbox and idempotency key commit together, with one round trip.

This is the service's fast path, and the one place where speed costs plainness: as three statements in a transaction it took
more than twice as long. It does what `service.submit` does for one post; the same tests hold for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import JSON

from opsloop_common.access.idempotency import LOCK_SQL, SEEN_SQL, Answer, Keyed, store_sql
from opsloop_common.db import Context, Database
from opsloop_common.documents import write_document
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.errors import Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.lanes import Statement
from opsloop_common.outbox import statement as outbox
from opsloop_common.outbox.append import event_from
from opsloop_common.parameters import bound, named
from opsloop_common.wakeups import OUTBOX
from opsloop_feedback.intake import rules
from opsloop_feedback.items.service import Feedback

_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
# the workspace is the one that was entered, the number the sequence's; one post comes with no file
_GIVEN = [column for column in Feedback.__table__.c if column.key not in ("workspace", "number", "import_id", "voters")]
_DOCUMENTS = [str(column.key) for column in _GIVEN if isinstance(column.type, JSON)]
_LATE = {"number": "new.number"}
_OUTBOX = f"stream AS ({outbox.first_of_stream('new')}), event AS ({outbox.first_event('new', **_LATE)})"
_UNLESS_SEEN = ", idem_lock WHERE idem_lock.free AND NOT EXISTS (SELECT FROM idem_seen)"


def _new(also: str = "") -> str:
    return (
        f"new AS (INSERT INTO feedback (workspace, {named(_GIVEN)}) SELECT entered.workspace, {bound(_GIVEN)} "  # noqa: S608
        f"FROM entered{also} "
        "ON CONFLICT (workspace, source, channel, external_id) WHERE external_id IS NOT NULL DO NOTHING RETURNING number)"
    )


_PLAIN = Statement(f"WITH {ENTERED_SQL}, {_new()}, {_OUTBOX} SELECT number FROM new")  # noqa: S608 our own parts
_KEYED = Statement(
    f"WITH {ENTERED_SQL}, idem_seen AS ({SEEN_SQL}), idem_lock AS MATERIALIZED ({LOCK_SQL}), {_new(_UNLESS_SEEN)}, "  # noqa: S608
    f"{_OUTBOX}, idem AS ({store_sql('new', **_LATE)}) "
    "SELECT new.number, idem_lock.free, idem_seen.body_hash, idem_seen.answer, idem_seen.late "
    "FROM idem_lock LEFT JOIN new ON true LEFT JOIN idem_seen ON true"
)


async def take_in(
    database: Database, context: Context, row: Mapping[str, Any], *, keyed: Keyed | None, answer: Answer
) -> int | None:
    """Store a new row (`rules.new_row`), its event and the answer to its Idempotency-Key; returns its number, durable.

    None when the (source, channel, external_id) is known: then nothing was written. `answer` need not know the number. Replay,
    KeyBusy (409) and Invalid (422) end the request when the key says so, Unavailable (503) when the connection broke on the way.
    """
    received = rules.received(row, 0)  # the database puts the number in
    event = event_from(
        received,
        id=uuid7(),
        time=row["created_at"],
        source=f"/opsloop/{database.service}",
        context=context,
        sequence=1,
        link=database.grounds.link(received.path()),
    )
    values = {**row, **{name: write_document(row[name]) for name in _DOCUMENTS}, **outbox.parameters(event)}
    try:
        number = await _number(database, values, row, keyed=keyed, answer=answer)
    except _BROKEN as error:
        if isinstance(error, ValueError):  # a value that the driver cannot encode: a fault of ours
            raise
        raise Unavailable("The database is not reachable.", headers={"Retry-After": "1"}) from error
    if number is not None:
        database.wakeups.fire(OUTBOX)
        # a relay in this process asks PostgreSQL now, which works while the answer is put together
        await asyncio.sleep(0)
    return number


async def _number(
    database: Database, values: dict[str, Any], row: Mapping[str, Any], *, keyed: Keyed | None, answer: Answer
) -> int | None:
    if keyed is None:
        rows = await database.lanes.fetch(_PLAIN, values)
        number: int | None = rows[0]["number"] if rows else None
    else:
        values |= keyed.parameters(row["created_at"]) | {"idem_answer": keyed.seal(answer)}
        number = (await keyed.settle(database, _KEYED, values))["number"]
    return number
