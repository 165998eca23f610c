"""Writes what many requests brought, together: one block at a time, each message once.

A block costs about as much as a message (a part on the disk, synchronised), so whatever comes while one is written makes the next.
What is there already is looked up before, in `opsloop.seen`. An id stands there unsettled while it is not certain that all of its
message is there, the event and what it says of persons: a copy of it is heard again, and its event written if it is missing. When
an id is settled, nothing of it is ever looked at again.

Where one process writes (the engine is in it), ids are noted once all else is done, those of several blocks together, since
noting costs a part as well; what a crash keeps out of the table is filled in unsettled from the newest events before the first
block. Where several write to one server, each block has a lock in PostgreSQL to itself, and its ids are noted, unsettled, before
the events: then a process may die anywhere, and the others see what it began.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints
from opsloop_common.db import Context, Database, context_of
from opsloop_common.entry import enter
from opsloop_common.errors import DomainError, Unavailable
from opsloop_metrics.capture.rules import COLUMNS, IS_PERSONLESS, PERSON, Entry, Outcome, Reason, problem_of
from opsloop_metrics.contacts import service as contacts
from opsloop_metrics.people import service as people
from opsloop_metrics.people.rules import Absorbed, Verdict
from opsloop_metrics.rejections import service as rejections
from opsloop_metrics.store.engine import EngineFailed
from opsloop_metrics.store.port import EventStore, Parameter, StoreUnavailable, written

BLOCK_ENTRIES = 250
"""Whoever sends a message waits for the block that is being written, so long ones are cut."""
LIGHT_SHARE = 1 / 4
"""Of what a workspace has here on average: who has less does not wait for the others' messages in its own block."""
WAITING_ENTRIES = 50_000
NOTE_SECONDS = 0.25
RESTART_SECONDS = 2.0
"""How exactly it is known when a server was started."""
EVENTS = "opsloop events"
"""What inserts of events are called on the server."""
_SEEN = "SELECT id, is_settled, received_at FROM opsloop.seen WHERE id IN {ids:Array(UUID)}"
_FILL_IN = (
    "INSERT INTO opsloop.seen (id, received_at, is_settled) SELECT id, received_at, 0 FROM opsloop.event "
    "WHERE received_at > (SELECT max(received_at) FROM opsloop.event) - INTERVAL 15 MINUTE"
)
_THERE = (
    "SELECT id FROM opsloop.event WHERE id IN {ids:Array(UUID)} "
    "AND received_at BETWEEN {since:DateTime64(3, 'UTC')} AND {until:DateTime64(3, 'UTC')}"
)
_THERE_SECONDS = 60.0
_STARTED = "SELECT toFloat64(toUnixTimestamp(now())) - uptime()"
# under the lock nobody inserts: what does so all the same was begun by a process that is no more
_END_INSERTS = f"KILL QUERY WHERE query_kind = 'Insert' AND Settings['log_comment'] = '{EVENTS}' SYNC"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('opsloop.metrics.writer', 0))")
_ID, _RECEIVED_AT, _SOURCE = (COLUMNS.index(name) for name in ("id", "received_at", "source"))
_NOT_DONE = {
    Reason.MERGE_REFUSED: "the event is kept; of two known people only a server's key makes one",
    Reason.ERASED: "the event is kept; the other id is of somebody who was erased",
    Reason.TOO_LARGE: "the event is kept; not all that it says of somebody is: too many traits or groups, or one is too large",
}
"""What is said of a message that was taken, and of which something was refused all the same."""
log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Batch:
    entries: Sequence[Entry]
    done: asyncio.Future[Sequence[Outcome]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """Writes to an event store; where it `is_shared`, so may other processes at the same time, each through one of these."""

    def __init__(self, database: Database, store: EventStore, *, is_shared: bool = False) -> None:
        self._database = database
        self._store = store
        self._is_shared = is_shared
        self._waiting: dict[str, deque[_Batch]] = {}
        self._here: Counter[str] = Counter()
        """How many entries of each workspace wait or are being written."""
        self._was_light = False
        self._count = 0
        self._has_some = asyncio.Event()
        self._filled_in_for: float | None = None
        self._noted: dict[str, object] = {}
        self._settled: dict[str, object] = {}
        """Ids of the blocks before, with the moments of their receipt, until they are in the look-up table."""
        self._noting: asyncio.Task[None] | None = None
        self._note_lock = asyncio.Lock()

    async def take(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Return what became of entries of one workspace once they are durable; raises StoreUnavailable."""
        if not entries:
            return []
        workspace = entries[0].workspace
        # as much again is for those of whom nothing is here yet
        if self._count + len(entries) > WAITING_ENTRIES * (1 if self._here[workspace] else 2):
            raise StoreUnavailable("More comes than can be written; try again.", headers={"Retry-After": "1"})
        batches = [_Batch(part) for part in _parts(entries)]
        self._waiting.setdefault(workspace, deque()).extend(batches)
        self._count += len(entries)
        self._here[workspace] += len(entries)
        self._has_some.set()
        for batch in batches:
            batch.done.add_done_callback(partial(self._left, workspace, len(batch.entries)))
        try:
            return [outcome for outcomes in await _all(batches) for outcome in outcomes]
        finally:
            self._withdraw(workspace, batches)

    def _left(self, workspace: str, size: int, _done: object) -> None:
        self._here[workspace] -= size
        if not self._here[workspace]:
            del self._here[workspace]

    def _withdraw(self, workspace: str, batches: Sequence[_Batch]) -> None:
        """Forget those that still wait: whoever asked was told to come again, or has gone."""
        given_up = [batch for batch in batches if batch.done.cancel() or batch.done.cancelled()]
        if not given_up or workspace not in self._waiting:
            return
        waiting = self._waiting[workspace]
        left = deque(batch for batch in waiting if batch not in given_up)
        self._count -= sum(len(batch.entries) for batch in waiting) - sum(len(batch.entries) for batch in left)
        if left:
            self._waiting[workspace] = left
        else:
            del self._waiting[workspace]
        if not self._waiting:
            self._has_some.clear()

    async def run(self) -> None:
        """Write for ever. What the store does not take is refused: whoever sent it tries again, and what was written is known."""
        try:
            while True:
                await self._has_some.wait()
                await self._settle(self._next_block())
        finally:
            self._filled_in_for = None
            if self._noting is not None:
                self._noting.cancel()
            await self.noted()

    async def noted(self) -> None:
        """Return when the ids of all that was taken before are in the look-up table."""
        async with self._note_lock:
            notes = dict(self._settled)
            try:
                await self._note(notes, is_settled=True)
            except StoreUnavailable as error:
                self._filled_in_for = None  # what is not noted is filled in from the newest events
                log.warning("ids were not noted", reason=str(error))
            # another one: who is looking ids up goes on with what this was
            self._settled = {id: at for id, at in self._settled.items() if id not in notes}

    async def _settle(self, block: list[_Batch]) -> None:
        """Write a block and tell those who wait. Of one that the store refuses, each request is tried by itself: none pays for another."""
        try:
            outcomes = await self._write([entry for batch in block for entry in batch.entries])
        except Exception as error:  # whatever it is, those who wait are told first
            self._filled_in_for = None
            if len(block) > 1 and isinstance(error.__cause__, EngineFailed):
                await self._settle_apart(block)
                return
            for batch in block:
                _refuse(batch, error)
            if not isinstance(error, Unavailable):
                raise
            log.warning("a block was not stored", reason=str(error), requests=len(block))
            return
        if self._is_shared and self._noting is not None:
            await self._noting
        self._settled |= self._noted
        for batch in block:
            own, outcomes = outcomes[: len(batch.entries)], outcomes[len(batch.entries) :]
            if not batch.done.done():  # whoever sent it has gone
                batch.done.set_result(own)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_soon())

    async def _settle_apart(self, block: list[_Batch]) -> None:
        for place, batch in enumerate(block):
            try:
                await self._settle([batch])
            except Exception as error:  # the loop ends, and nobody would tell the rest
                for other in block[place + 1 :]:
                    _refuse(other, error)
                raise

    async def _note_soon(self) -> None:
        await asyncio.sleep(0 if self._is_shared else NOTE_SECONDS)
        await self.noted()

    def _next_block(self) -> list[_Batch]:
        """Take batches in turn from the workspaces that wait, as many as a block holds, at least one.

        Every other block is of those alone that have little here, if there are any: it is a short one.
        """
        light = [] if self._was_light else [each for each in self._waiting if self._is_light(each)]
        self._was_light = bool(light)
        turns = deque(light or self._waiting)
        block: list[_Batch] = []
        size = 0
        while turns and size < BLOCK_ENTRIES:
            workspace = turns.popleft()
            batches = self._waiting.pop(workspace)
            block.append(batches.popleft())
            size += len(block[-1].entries)
            if batches:
                self._waiting[workspace] = batches  # behind the others
                turns.append(workspace)
        self._count -= size
        if not self._waiting:
            self._has_some.clear()
        return block

    def _is_light(self, workspace: str) -> bool:
        return self._here[workspace] < self._here.total() / len(self._here) * LIGHT_SHARE

    async def _write(self, entries: Sequence[Entry]) -> list[Outcome]:
        self._noted = {}
        outcomes: list[Outcome] = [Outcome.KNOWN] * len(entries)
        async with self._transaction(entries[0].workspace) as session:
            if self._is_shared:
                await session.execute(_LOCK)
            await self._fill_in()
            fresh, there = await self._look_up(entries)
            rows: list[tuple[object, ...]] = []
            told: list[tuple[str, Absorbed]] = []
            warned: list[tuple[Entry, Reason]] = []
            for workspace in sorted(
                {entries[place].workspace for place in fresh}
            ):  # sorted: two writers wait in one order
                places = [place for place in fresh if entries[place].workspace == workspace]
                await _go_on_in(session, workspace)
                absorbed = await people.absorb(session, [entries[place].heard for place in places])
                told.append((workspace, absorbed))
                persons = [verdict.person_id for verdict in absorbed.verdicts]
                await contacts.tell(session, zip((entries[place].heard for place in places), persons, strict=True))
                for place, verdict in zip(places, absorbed.verdicts, strict=True):
                    if verdict.person_id is not None and verdict.reason is not None:
                        warned.append((entries[place], verdict.reason))
                    if verdict.person_id is None:
                        outcomes[place] = Outcome.ERASED
                    elif str(entries[place].id) not in there:
                        outcomes[place] = Outcome.STORED
                        rows.append(_row(entries[place], verdict))
            await tell_store(self._store, told)
            await self._insert(rows)
            await _log_warnings(session, warned)  # last: requests that are refused write there too
        failpoints.hit("capture.after_commit")
        self._noted = dict(_note_of(entries[place].row) for place in fresh if outcomes[place] is not Outcome.ERASED)
        return outcomes

    def _transaction(self, workspace: str) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction; where others hold the lock for as long as their blocks take, with more patience."""
        begin = self._database.work if self._is_shared else self._database.transaction
        return begin(Context(workspace=workspace))

    async def _fill_in(self) -> None:
        """Note the newest events, unsettled, before the first block, and after a start of a server: a power cut forgets ids, not events."""
        started = (await self._store.query(_STARTED)).rows[0][0] if self._is_shared else 0.0
        if self._filled_in_for is None or abs(started - self._filled_in_for) > RESTART_SECONDS:
            await self._store.change(_FILL_IN)
            self._filled_in_for = started

    async def _look_up(self, entries: Sequence[Entry]) -> tuple[list[int], set[str]]:
        """Return the places of entries that are not settled, of copies in one block the first, and which ids have their event."""
        # who reads a log gets each entry again, also one that its client gave no name
        asked = [entry.id for entry in entries if entry.is_named or self._is_shared]
        settled = self._settled.keys()  # looked at before the table is: they may get there while it is asked
        found = (await self._store.query(_SEEN, {"ids": asked})).rows if asked else []
        known = {id for id, is_settled, _ in found if is_settled} | settled
        doubtful = {id: received_at for id, is_settled, received_at in found if not is_settled}
        there = await self._there(doubtful) if doubtful else set()
        fresh: list[int] = []
        for place, entry in enumerate(entries):
            id = str(entry.id)
            if id not in known:
                known.add(id)
                fresh.append(place)
        return fresh, there

    async def _there(self, doubtful: Mapping[str, str]) -> set[str]:
        """Return which ids, given with the moments of their receipt, have their event; what others left running is ended before."""
        await self._store.change(_END_INSERTS)
        given: dict[str, Parameter] = {
            "ids": [UUID(id) for id in doubtful],
            "since": min(doubtful.values()),
            "until": max(doubtful.values()),
        }
        return {row[0] for row in (await self._store.query(_THERE, given, seconds=_THERE_SECONDS)).rows}

    async def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        notes = dict(map(_note_of, rows))
        if self._is_shared:
            await self._note(notes, is_settled=False)
        failpoints.hit("capture.before_events")
        await self._store.insert(
            "opsloop.event",
            (*COLUMNS, PERSON, IS_PERSONLESS),
            rows,
            token=_token(notes) if self._is_shared else None,
            comment=EVENTS,
        )
        failpoints.hit("capture.after_events")

    async def _note(self, notes: Mapping[str, object], *, is_settled: bool) -> None:
        """Fill the look-up table."""
        if notes:
            rows = [(*note, int(is_settled)) for note in notes.items()]
            await self._store.insert("opsloop.seen", ["id", "received_at", "is_settled"], rows)


async def _go_on_in(session: AsyncSession, workspace: str) -> None:
    """Enter a workspace, unless the transaction is in it already, as it is where a block is of one alone."""
    if context_of(session).workspace != workspace:
        await enter(session, Context(workspace=workspace))


async def _log_warnings(session: AsyncSession, warned: Sequence[tuple[Entry, Reason]]) -> None:
    """Say in the reject log what was not done of messages that were taken; given by workspace, sorted."""
    for (workspace, source, vendor), each in groupby(
        warned, lambda one: (one[0].workspace, str(one[0].row[_SOURCE]), one[0].vendor)
    ):
        await _go_on_in(session, workspace)
        problems = [problem_of(entry.heard.message, reason, _NOT_DONE[reason]) for entry, reason in each]
        await rejections.record(session, problems, source=source, vendor=vendor)


async def tell_store(store: EventStore, told: Sequence[tuple[str, Absorbed]]) -> None:
    """Tell the event store what became of persons; hearing it again changes nothing."""
    persons = [
        [
            workspace,
            str(person.id),
            written(person.first_seen_at),
            orjson.dumps(person.traits.values).decode(),
            person.version,
        ]
        for workspace, absorbed in told
        for person in absorbed.persons
    ]
    merges = [
        [workspace, str(merge.person_id), str(merge.into_id), merge.version]
        for workspace, absorbed in told
        for merge in absorbed.merges
    ]
    await store.insert("opsloop.person", ["workspace", "id", "first_seen", "traits", "version"], persons)
    await store.insert("opsloop.person_override", ["workspace", "person", "into", "version"], merges)


def _row(entry: Entry, verdict: Verdict) -> tuple[object, ...]:
    return (*entry.row, str(verdict.person_id), int(entry.heard.message.personless))


def _note_of(row: Sequence[object]) -> tuple[str, object]:
    return str(row[_ID]), row[_RECEIVED_AT]


def _token(notes: Mapping[str, object]) -> str:
    """Return what a block is called, so that the store adds it once: the same for the same messages of the same requests."""
    return blake2b(orjson.dumps(list(notes.items())), digest_size=16).hexdigest()


def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield entries of one request as blocks may have them; what has no name in one: a part that was stored would come again as new."""
    size = BLOCK_ENTRIES if all(entry.is_named for entry in entries) else len(entries)
    return (entries[start : start + size] for start in range(0, len(entries), size))


async def _all(batches: Sequence[_Batch]) -> list[Sequence[Outcome]]:
    """Return what became of each once all are over; raises what refused the first that was."""
    await asyncio.gather(*(batch.done for batch in batches), return_exceptions=True)
    return [batch.done.result() for batch in batches]


def _refuse(batch: _Batch, error: Exception) -> None:
    if batch.done.done():
        return
    refusal: Any = error if isinstance(error, DomainError) else None
    batch.done.set_exception(
        refusal or StoreUnavailable("What was sent could not be stored; try again.", headers={"Retry-After": "1"})
    )
