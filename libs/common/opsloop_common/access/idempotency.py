"""Idempotency-Key: the finished answer lives in the same transaction as its effect.

The HTTP shell does all of it for every POST that carries the header: `claim` takes a transaction-level try-lock and looks for
a stored answer, the endpoint works, `store` writes the answer, and one commit makes effect and answer durable together. A
crash before the commit leaves neither, and the lock dies with its connection.

A fast path that is one autocommitted statement does it inside that statement. It declares `own_idempotency()` in its
`dependencies`, so that the shell opens no transaction for the key, and takes `Asked` (opsloop_common.http.deps), whose `keyed` is
None without the header and a `Keyed` otherwise. The statement is made of the parts below:

    WITH idem_seen AS ({SEEN_SQL}), idem_lock AS ({LOCK_SQL}),
         new AS (INSERT INTO ... SELECT ... FROM idem_lock
                 WHERE idem_lock.free AND NOT EXISTS (SELECT FROM idem_seen) RETURNING id, number),
         idem AS ({store_sql("new", number="new.number")})
    SELECT new.*, idem_lock.free, idem_seen.body_hash, idem_seen.answer, idem_seen.late
      FROM idem_lock LEFT JOIN new ON true LEFT JOIN idem_seen ON true

with `keyed.parameters(now) | {"idem_answer": keyed.seal(Answer(201, headers, body))}` bound, and is run through
`row = await keyed.settle(database, statement, values)`, which replays, refuses (409, 422) or returns the row of the work done.
The statement's snapshot is older than the lock it takes, so it may miss a twin that committed in between; then the primary key
of the stored answer refuses, nothing of the statement stays, and `settle` runs it once more. What only the database knows stands
beside the sealed answer (`late`), and takes the place of the fields of the same name when the answer is replayed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access.tables import idempotency
from opsloop_common.db import Database, clock_of
from opsloop_common.documents import read_document
from opsloop_common.entry import ENTER_SQL
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.lanes import Statement
from opsloop_common.secretbox import SecretBox, Unsealable

KEPT = timedelta(hours=24)
PURPOSE = "idempotency"

LOCK_SQL = "SELECT pg_try_advisory_xact_lock(:idem_lock) AS free"
SEEN_SQL = "SELECT body_hash, answer, late FROM idempotency WHERE id = :idem_id AND created_at > :idem_since"


def store_sql(source: str, **late: str) -> str:
    """Return the part that stores the answer, where `source` has a row; `late` are fields that only the database knows, as SQL."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in late.items())
    document = f"jsonb_build_object({pairs})" if late else "NULL"
    return (
        "INSERT INTO idempotency (id, body_hash, answer, late, created_at) "  # noqa: S608 our own names
        f"SELECT :idem_id, :idem_body, :idem_answer, {document}, :idem_now FROM {source}"
    )


_TELLING = frozenset({float, dict, list})
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_ENTER = text(f"SELECT {ENTER_SQL}, pg_try_advisory_xact_lock(:idem_lock) AS free")
_SEEN = text(SEEN_SQL)
# under the lock, and after a look that found nothing, a row with this id can only be an expired one
_STORE = text(
    store_sql("(SELECT 1) AS one")
    + " ON CONFLICT (id) DO UPDATE SET body_hash = excluded.body_hash, answer = excluded.answer, late = NULL, "
    "created_at = excluded.created_at"
)
_FORGET_EXPIRED = Statement("DELETE FROM idempotency WHERE id = :idem_id AND created_at <= :idem_since")


class KeyBusy(Conflict):
    """Another request with this Idempotency-Key is at work right now."""

    code, title = "idempotency_key_busy", "Still running"


@dataclass(frozen=True)
class Answer:
    """A finished answer, as far as a replay repeats it."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Keyed:
    """One request that carries an Idempotency-Key."""

    id: bytes
    body_hash: bytes
    secrets: SecretBox = field(repr=False)
    stored: bool = False
    """The endpoint has stored the answer itself, or must not have it stored."""

    @property
    def lock(self) -> int:
        """Return the 64-bit number that the advisory lock is taken on."""
        return int.from_bytes(self.id[:8], "big", signed=True)

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the bind parameters of LOCK_SQL and SEEN_SQL, and of STORE_SQL except `idem_answer`."""
        return {
            "idem_id": self.id,
            "idem_lock": self.lock,
            "idem_body": self.body_hash,
            "idem_now": now,
            "idem_since": now - KEPT,
        }

    def seal(self, answer: Answer) -> str:
        """Return `idem_answer`: the answer as it is kept."""
        head = orjson.dumps([answer.status, answer.headers])
        return self.secrets.seal(head + b"\n" + answer.body, purpose=PURPOSE)

    def open(self, body_hash: bytes, sealed: str, late: Mapping[str, Any] | None) -> Answer:
        """Return a stored answer; raises Invalid (422) when it was given to another body, Conflict (409) when its key is gone."""
        if body_hash != self.body_hash:
            raise Invalid("/header/Idempotency-Key", "was used before with another body")
        try:
            head, _, body = self.secrets.open(sealed, purpose=PURPOSE).partition(b"\n")
        except Unsealable as error:
            raise Conflict("This was done before, and what was answered can no longer be read.") from error
        status, headers = orjson.loads(head)
        return Answer(status, headers, body if late is None else orjson.dumps({**orjson.loads(body), **late}))

    def busy(self) -> KeyBusy:
        """Return the error for a key whose request is still running."""
        return KeyBusy("A request with this Idempotency-Key is still running.", headers={"Retry-After": "1"})

    async def settle(self, database: Database, statement: Statement, given: Mapping[str, Any]) -> asyncpg.Record:
        """Run a statement that locks, looks and stores by itself, and return its row when it did the work.

        Ends the request with the stored answer, KeyBusy (409) or Invalid (422) otherwise.
        """
        try:
            (row,) = await database.lanes.fetch(statement, given)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "pk_idempotency":
                raise
            await database.lanes.fetch(_FORGET_EXPIRED, given)
            (row,) = await database.lanes.fetch(statement, given)
        if row["answer"] is not None:
            late = None if row["late"] is None else read_document(row["late"])
            raise Replay(self.open(row["body_hash"], row["answer"], late))
        if not row["free"]:
            raise self.busy()
        self.stored = True
        return row


class Replay(Exception):
    """Raised to end the request with a stored answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("replayed")
        self.answer = answer


def keyed_request(key: str, *, credential: str, method: str, path: str, body: object, secrets: SecretBox) -> Keyed:
    """Read the header of one request; raises Invalid (422) unless it is 1-255 visible ASCII characters."""
    if not _FORM.fullmatch(key):
        raise Invalid("/header/Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    scope = "\n".join((credential, method, path, key)).encode()
    return Keyed(hashlib.sha256(scope).digest(), hash_of(body), secrets)


def hash_of(body: object) -> bytes:
    """Hash a JSON value so that key order, white space and `1.0` for `1` make no difference."""
    return hashlib.sha256(orjson.dumps(_integral(body), option=orjson.OPT_SORT_KEYS)).digest()


def _integral(value: object) -> object:
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
        case dict():
            return {name: _integral(item) if type(item) in _TELLING else item for name, item in value.items()}
        case list():
            return [_integral(item) if type(item) in _TELLING else item for item in value]
        case _:
            return value


async def claim(session: AsyncSession, keyed: Keyed, *, workspace: str) -> Answer | None:
    """Enter the workspace and claim the key, as the first statements of a transaction; a stored answer ends the work.

    Raises KeyBusy (409) while another request holds the key, Invalid (422) when the key came with another body.
    """
    entered = (await session.execute(_ENTER, {"workspace": workspace, "idem_lock": keyed.lock})).one()
    # a statement of its own: a snapshot taken before the lock would miss the answer of a twin that has just committed
    now = clock_of(session).now()
    row = (await session.execute(_SEEN, {"idem_id": keyed.id, "idem_since": now - KEPT})).one_or_none()
    if row is not None:
        return keyed.open(row.body_hash, row.answer, row.late)
    if not entered.free:
        raise keyed.busy()
    return None


async def store(session: AsyncSession, keyed: Keyed, answer: Answer) -> None:
    """Keep the answer in the transaction of its effect."""
    values = {
        "idem_id": keyed.id,
        "idem_body": keyed.body_hash,
        "idem_answer": keyed.seal(answer),
        "idem_now": clock_of(session).now(),
    }
    await session.execute(_STORE, values)


async def prune(session: AsyncSession, *, limit: int = 5_000) -> int:
    """Delete up to `limit` answers older than 24 hours; returns how many."""
    old = (
        select(idempotency.c.id)
        .where(idempotency.c.created_at <= clock_of(session).now() - KEPT)
        .order_by(idempotency.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = await session.execute(delete(idempotency).where(idempotency.c.id.in_(old)).returning(idempotency.c.id))
    return len(gone.all())
