"""Writes what many requests brought, together: one block at a time, each message once.

A block costs about as much as a message (a part on the disk, synchronised), so whatever comes while one is written makes the next.
What is there already is looked up before: the look-up table is filled after the events, in the same turn, so it lacks at most what
a crash kept out of it, and that is filled in from the newest events before the first block.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from opsloop_common.db import Context, Database
from opsloop_common.entry import enter
from opsloop_common.errors import DomainError
from opsloop_metrics.capture.rules import COLUMNS, IS_PERSONLESS, PERSON, Entry, Outcome
from opsloop_metrics.people import service as people
from opsloop_metrics.people.rules import Absorbed, Verdict
from opsloop_metrics.store.port import EventStore, StoreUnavailable, written

BLOCK_ENTRIES = 5_000
WAITING_ENTRIES = 50_000
_SEEN = "SELECT id FROM opsloop.seen WHERE id IN {ids:Array(UUID)}"
_FILL_IN = (
    "INSERT INTO opsloop.seen SELECT id FROM opsloop.event "
    "WHERE received_at > (SELECT max(received_at) FROM opsloop.event) - INTERVAL 15 MINUTE"
)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Batch:
    entries: Sequence[Entry]
    done: asyncio.Future[Sequence[Outcome]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """The one writer of an event store; a second one of the same store would not see what this one is writing."""

    def __init__(self, database: Database, store: EventStore) -> None:
        self._database = database
        self._store = store
        self._waiting: dict[str, deque[_Batch]] = {}
        self._count = 0
        self._has_some = asyncio.Event()
        self._is_filled_in = False
        self._noted: list[list[str]] = []

    async def take(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Return what became of entries of one workspace once they are durable; raises StoreUnavailable."""
        if not entries:
            return []
        if self._count + len(entries) > WAITING_ENTRIES:
            raise StoreUnavailable("More comes than can be written; try again.", headers={"Retry-After": "1"})
        batch = _Batch(entries)
        self._waiting.setdefault(entries[0].workspace, deque()).append(batch)
        self._count += len(entries)
        self._has_some.set()
        return await batch.done

    async def run(self) -> None:
        """Write for ever. A block that fails is refused as a whole: whoever sent it tries again, and what was written is known."""
        while True:
            await self._has_some.wait()
            block = self._next_block()
            try:
                outcomes = await self._write([entry for batch in block for entry in batch.entries])
            except Exception as error:
                self._is_filled_in = False
                for batch in block:
                    _refuse(batch, error)
                raise
            for batch in block:
                own, outcomes = outcomes[: len(batch.entries)], outcomes[len(batch.entries) :]
                if not batch.done.done():  # whoever sent it has gone
                    batch.done.set_result(own)
            await self._note()

    def _next_block(self) -> list[_Batch]:
        """Take batches in turn from the workspaces that wait, as many as a block holds, at least one."""
        block: list[_Batch] = []
        size = 0
        while self._waiting and size < BLOCK_ENTRIES:
            workspace = next(iter(self._waiting))
            batches = self._waiting.pop(workspace)
            block.append(batches.popleft())
            size += len(block[-1].entries)
            if batches:
                self._waiting[workspace] = batches  # behind the others
        self._count -= size
        if not self._waiting:
            self._has_some.clear()
        return block

    async def _write(self, entries: Sequence[Entry]) -> list[Outcome]:
        if not self._is_filled_in:
            await self._store.change(_FILL_IN)
            self._is_filled_in = True
        self._noted = []
        outcomes: list[Outcome] = [Outcome.KNOWN] * len(entries)
        fresh = await self._unknown(entries)
        if not fresh:
            return outcomes
        async with self._database.transaction(Context(workspace=entries[fresh[0]].workspace)) as session:
            rows: list[tuple[object, ...]] = []
            told: list[tuple[str, Absorbed]] = []
            for workspace in sorted(
                {entries[place].workspace for place in fresh}
            ):  # sorted: two writers wait in one order
                places = [place for place in fresh if entries[place].workspace == workspace]
                await enter(session, Context(workspace=workspace))
                absorbed = await people.absorb(session, [entries[place].heard for place in places])
                told.append((workspace, absorbed))
                for place, verdict in zip(places, absorbed.verdicts, strict=True):
                    outcomes[place] = Outcome.STORED if verdict.person_id is not None else Outcome.ERASED
                    if verdict.person_id is not None:
                        rows.append(_row(entries[place], verdict))
            await tell_store(self._store, told)
            await self._store.insert("opsloop.event", (*COLUMNS, PERSON, IS_PERSONLESS), rows)
            for workspace, absorbed in told:
                if absorbed.persons or absorbed.merges:
                    await enter(session, Context(workspace=workspace))
                    await people.tell(session, absorbed.persons, absorbed.merges)
        self._noted = [[str(entries[place].id)] for place in fresh if outcomes[place] is Outcome.STORED]
        return outcomes

    async def _unknown(self, entries: Sequence[Entry]) -> list[int]:
        """Return the places of entries that are not there yet, of copies in one block the first."""
        named = [entry.id for entry in entries if entry.is_named]
        known: set[str] = set()
        if named:
            known = {row[0] for row in (await self._store.query(_SEEN, {"ids": named})).rows}
        fresh: list[int] = []
        for place, entry in enumerate(entries):
            id = str(entry.id)
            if id not in known:
                known.add(id)
                fresh.append(place)
        return fresh

    async def _note(self) -> None:
        """Fill the look-up table, before the next block is looked up in it."""
        if self._noted:
            await self._store.insert("opsloop.seen", ["id"], self._noted)


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


def _refuse(batch: _Batch, error: Exception) -> None:
    if batch.done.done():
        return
    refusal: Any = error if isinstance(error, DomainError) else None
    batch.done.set_exception(
        refusal or StoreUnavailable("What was sent could not be stored; try again.", headers={"Retry-After": "1"})
    )
