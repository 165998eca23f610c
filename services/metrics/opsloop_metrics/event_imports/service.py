"""Use cases of files of events: upload, preview, cancel, take back; and the jobs, which read a file block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints, workspaces
from opsloop_common.access import audit
from opsloop_common.db import clock_of, context_of, ports_of
from opsloop_common.due.jobs import JobRun, cancel_job, start_job
from opsloop_common.errors import Conflict, Invalid, TooLarge, TooMany
from opsloop_common.ids import uuid7
from opsloop_common.limits import IMPORT_BYTES, IMPORT_DAYS, IMPORT_ERRORS, IMPORTS_AT_ONCE
from opsloop_common.turns import in_turns, turn
from opsloop_metrics.capture.rules import Message, Outcome, Problem, Reading, Unreadable
from opsloop_metrics.event_files import rules as files
from opsloop_metrics.event_files.rules import SEPARATED, Columns, Format, Head, Place, Row, columns_of
from opsloop_metrics.event_imports import queries, rules, tables
from opsloop_metrics.event_imports.models import EventImport, EventImportChunk, EventImportRow
from opsloop_metrics.event_imports.rules import UNDOABLE, Stage
from opsloop_metrics.event_imports.tables import TABLES
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.recording import service as recording
from opsloop_metrics.recording.service import Accepted, Sender
from opsloop_metrics.rejections import service as rejections
from opsloop_metrics.store.port import Parameter

IMPORT_JOB = "metrics.import_events"
UNDO_JOB = "metrics.undo_import"
CHUNK_BYTES = 1024 * 1024
PREVIEW_ROWS = 20
FORGET_BATCH = 20
BLOCK_ROWS = 1_000
TABLE_ROWS = 500  # some statements each, in one transaction
BLOCK_CHUNKS = 3
"""Pieces that are read at a time: two whole ones at least from any place on, twice what a row may have."""


_BROUGHT = "workspace = {workspace:String} AND import_id = {import:UUID}"
_COUNT = "SELECT count() FROM opsloop.event WHERE " + _BROUGHT  # noqa: S608 constants
_FORGET_NAMES = "DELETE FROM opsloop.seen WHERE id IN (SELECT id FROM opsloop.event WHERE " + _BROUGHT + ")"  # noqa: S608 constants
_FORGET_EVENTS = "ALTER TABLE opsloop.event DELETE WHERE " + _BROUGHT
_COUNT_ROWS = text(
    "INSERT INTO event_import_row AS row (import_id, key, workspace, count) "
    "SELECT :import_id, key, :workspace, count "
    "FROM unnest(CAST(:keys AS bigint[]), CAST(:counts AS bigint[])) AS said (key, count) "
    "ON CONFLICT (import_id, key) DO UPDATE SET count = row.count + excluded.count"
)


def head_of(data: bytes, format: Format, columns: Columns, *, is_whole: bool) -> Head:
    """Return what the beginning of a file says; raises Invalid (422) for one that cannot be read."""
    if not data:
        raise Invalid("", "The file is empty.")
    try:
        head = files.head_of(data, format, columns, is_whole=is_whole)
        if format in TABLES and (missing := TABLES[format].missing(head.names)):
            raise Unreadable(f"there is no column {missing[0]!r}; the file has {', '.join(head.names[:20])[:500]}")
        return head
    except Unreadable as unreadable:
        raise Invalid(unreadable.pointer, f"{unreadable.detail[:1].upper()}{unreadable.detail[1:]}") from unreadable


async def zone_of(session: AsyncSession, time_zone: str | None) -> str:
    """Return the zone of times without an offset: the given one, else the workspace's."""
    return time_zone or (await workspaces.get(session)).time_zone


def preview(
    data: bytes, format: Format, columns: Columns, *, zone: tzinfo, now: datetime, is_whole: bool = True
) -> tuple[Head, list[tuple[int, Any]]]:
    """Return how the first rows of a file would be read: Messages, what tables have, Problems. Keeps nothing; raises Invalid (422)."""
    head = head_of(data, format, columns, is_whole=is_whole)
    columns = columns.among(head.names) if format is Format.CSV else columns
    place = Place(at=head.length, rows=1 if format in SEPARATED else 0)
    rows, _ = files.cut(data[head.length :], place, head, format, columns, is_last=is_whole, limit=PREVIEW_ROWS)
    return head, [(row.number, _read(row, format, columns, zone, now=now)) for row in rows]


def _read(row: Row, format: Format, columns: Columns, zone: tzinfo, *, now: datetime) -> Any:
    if format in TABLES:
        return tables.read_row(row, format, zone)
    return files.read_row(row, format, columns, zone=zone, now=now)


async def create(
    session: AsyncSession,
    data: bytes,
    *,
    name: str,
    format: Format,
    columns: Columns,
    time_zone: str | None,
    source: str,
    has_more: bool,
) -> EventImport:
    """Keep a file, or the first part of one, and begin to read it where it is whole. Raises Invalid (422), TooMany (409)."""
    head = head_of(data, format, columns, is_whole=not has_more)
    await workspaces.lock(session)  # so that two who ask at once are counted one after the other
    if await queries.count_open(session) >= IMPORTS_AT_ONCE:
        raise TooMany(f"A workspace has at most {IMPORTS_AT_ONCE} files on their way; wait for one, or cancel it.")
    context = context_of(session)
    found = EventImport(
        id=uuid7(),
        workspace=context.workspace,
        name=name,
        format=format,
        columns=(columns.among(head.names) if format is Format.CSV else columns).written(),
        time_zone=await zone_of(session, time_zone),
        source=source,
        stage=Stage.UPLOADING,
        created_by=context.actor,
        created_at=clock_of(session).now(),
        parts=0, size=0, rows=0, stored=0, known=0, refused=0,
    )  # fmt: skip
    session.add(found)
    await session.flush()
    audit.record(session, "event_import.created", f"event_import/{found.id}", after={"format": format})
    await _append(session, found, data)
    if not has_more:
        await _start(session, found)
    return found


async def add_part(session: AsyncSession, import_id: UUID, number: int, data: bytes) -> EventImport:
    """Put the next part at the end of a file; one that is there already changes nothing. Raises NotFound, Conflict, TooLarge."""
    found = await queries.lock_import(session, import_id)
    if found.stage != Stage.UPLOADING:
        raise Conflict("The file is whole already.")
    if number <= found.parts:
        return found
    if number != found.parts + 1:
        raise Conflict(f"The next part is {found.parts + 1}.")
    if not data:
        raise Invalid("", "The part is empty.")
    await _append(session, found, data)
    return found


async def start(session: AsyncSession, import_id: UUID) -> EventImport:
    """Begin to read a file of which the last part has come; again changes nothing. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage == Stage.UPLOADING:
        await _start(session, found)
    elif found.stage == Stage.CANCELLED:
        raise Conflict("The import was cancelled; upload the file again.")
    return found


async def cancel(session: AsyncSession, import_id: UUID) -> EventImport:
    """Stop a file that is being uploaded or read; what was stored stays, until it is taken back. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage not in rules.OPEN:
        raise Conflict(f"The import is {found.stage}: there is nothing to cancel.")
    if found.job_id is not None:
        await cancel_job(session, found.job_id)
    await _close(session, found, Stage.CANCELLED)
    audit.record(session, "event_import.cancelled", f"event_import/{found.id}")
    return found


async def undo(session: AsyncSession, import_id: UUID) -> EventImport:
    """Take back the events that a file brought, by a job; persons stay. Again changes nothing. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage == Stage.UNDOING or (found.stage == Stage.UNDONE and not await _has_any(session, found)):
        return found
    if found.stage not in UNDOABLE:
        raise Conflict(f"The import is {found.stage}; it can be taken back once it has ended.")
    found.stage = Stage.UNDOING
    found.job_id = await start_job(session, UNDO_JOB, {"import_id": str(found.id)})
    audit.record(session, "event_import.undone", f"event_import/{found.id}")
    return found


async def _has_any(session: AsyncSession, found: EventImport) -> bool:
    """Say whether events of a file are there: a job that was cancelled may have stored a last block after all was taken back."""
    return Format(found.format) not in TABLES and await _count(session, found.workspace, found.id) > 0


async def forget_uploads(session: AsyncSession) -> bool:
    """Cancel a batch of uploads that were begun `IMPORT_DAYS` ago and never ended; says whether there may be more."""
    before = clock_of(session).now() - timedelta(days=IMPORT_DAYS)
    found: Sequence[EventImport] = await queries.some_forgotten(session, before, limit=FORGET_BATCH)
    for each in found:
        await _close(session, each, Stage.CANCELLED)
    return len(found) == FORGET_BATCH


async def _append(session: AsyncSession, found: EventImport, data: bytes) -> None:
    if found.size + len(data) > IMPORT_BYTES:
        raise TooLarge(f"A file may have up to {IMPORT_BYTES} bytes.")
    chunks = [
        {
            "import_id": found.id,
            "workspace": found.workspace,
            "start": found.size + start,
            "data": data[start : start + CHUNK_BYTES],
        }
        for start in range(0, len(data), CHUNK_BYTES)
    ]
    await session.execute(insert(EventImportChunk), chunks)
    found.parts += 1
    found.size += len(data)


async def _start(session: AsyncSession, found: EventImport) -> None:
    found.stage = Stage.IMPORTING
    found.job_id = await start_job(session, IMPORT_JOB, {"import_id": str(found.id)})


async def _close(session: AsyncSession, found: EventImport, stage: Stage) -> None:
    found.stage = stage
    found.finished_at = clock_of(session).now()
    await _forget_file(session, found.id)


async def _forget_file(session: AsyncSession, import_id: UUID) -> None:
    for table in (EventImportChunk, EventImportRow):
        await session.execute(delete(table).where(table.import_id == import_id))


@dataclass(frozen=True, slots=True)
class _File:
    id: UUID
    size: int
    format: Format
    columns: Columns
    zone: ZoneInfo
    source: str
    sender: Sender


async def import_events(job: JobRun) -> Mapping[str, Any]:
    """Read the file that the job names to its end.

    A block is stored first, then noted, with its refused rows and how many say the same, in one transaction. What dies in between is
    read again: each row has the name that it had, so what is there is known. What such a run counted as known is counted from the
    store at the end.
    """
    was_stopped = bool(job.state)
    async with job.transaction() as session:
        file = _file(await queries.get_import(session, UUID(job.payload["import_id"])))
        start = await queries.piece(session, file.id, 0, chunks=BLOCK_CHUNKS)
    head = head_of(start, file.format, file.columns, is_whole=len(start) == file.size)
    place = Place(**job.state["place"]) if was_stopped else Place(head.length, 1 if file.format in SEPARATED else 0)
    await job.progress(place.at, file.size, state={"place": asdict(place)})
    limit = TABLE_ROWS if file.format in TABLES else BLOCK_ROWS
    while place.at < file.size:
        async with job.transaction() as session:
            piece = await queries.piece(session, file.id, place.at, chunks=BLOCK_CHUNKS)
            now = clock_of(session).now()
        is_last = place.at + len(piece) == file.size
        async with turn(job.workspace):
            rows, place = files.cut(piece, place, head, file.format, file.columns, is_last=is_last, limit=limit)
        del piece  # some megabytes, and the waits come now
        reader = partial(_read, format=file.format, columns=file.columns, zone=file.zone, now=now)
        read, new = await _numbered(job, file, await in_turns(reader, rows, workspace=job.workspace))
        accepted = None if file.format in TABLES else await _store(job, file, rows, read, now)
        failpoints.hit("metrics.import_stored")
        async with job.transaction() as session:
            accepted = accepted or await tables.take(session, file.format, file.id, rows, read)
            await _note(session, file, accepted)
            await _count_rows(session, file.id, new)
            await job.progress(place.at, file.size, state={"place": asdict(place)}, session=session)
        failpoints.hit("metrics.import_noted")
        if place.at < file.size:
            job.give_way()
    return await _finish(job, file, was_stopped)


async def undo_import(job: JobRun) -> Mapping[str, Any]:
    """Take the events that an import brought out of the store, and first their names, so that they may come again.

    In this order: what dies in between finds the events still there, by which it knows the names.
    """
    import_id = UUID(job.payload["import_id"])
    async with job.transaction() as session:
        table = TABLES.get(Format((await queries.get_import(session, import_id)).format))
        if table is not None:
            return {"removed": await _undone(session, import_id, await table.take_back(session, import_id))}
    store = ports_of(job, MetricsPorts).store
    given: dict[str, Parameter] = {"workspace": job.workspace, "import": import_id}
    removed = await _count(job, job.workspace, import_id)
    await ports_of(
        job, MetricsPorts
    ).sink.noted()  # else a name that is on its way into the store would stand there for ever
    await store.change(_FORGET_NAMES, given, workspace=job.workspace)
    failpoints.hit("metrics.undo_forgot_names")
    await store.change(_FORGET_EVENTS, given, workspace=job.workspace)
    async with job.transaction() as session:
        return {"removed": await _undone(session, import_id, removed)}


async def _undone(session: AsyncSession, import_id: UUID, removed: int) -> int:
    found = await queries.lock_import(session, import_id)
    found.stage, found.finished_at = Stage.UNDONE, clock_of(session).now()
    return removed


def _file(found: EventImport) -> _File:
    sender = Sender(
        found.workspace, found.source, found.created_by, may_merge_identified=True, vendor=f"import:{found.format}"
    )
    return _File(
        found.id,
        found.size,
        Format(found.format),
        columns_of(found.columns),
        ZoneInfo(found.time_zone),
        found.source,
        sender,
    )


async def _numbered(job: JobRun, file: _File, read: Sequence[Any]) -> tuple[list[Any], Counter[int]]:
    keys = {key for each in read if (key := rules.key_of(each)) is not None}
    async with job.transaction() as session:
        before = await queries.rows_before(session, file.id, keys)
    async with turn(job.workspace):
        return rules.numbered(read, before)


async def _store(
    job: JobRun, file: _File, rows: Sequence[Row], read: Sequence[Message | Problem], now: datetime
) -> Accepted:
    messages = tuple((row.number, each) for row, each in zip(rows, read, strict=True) if isinstance(each, Message))
    problems = tuple(each for each in read if isinstance(each, Problem))
    ports = ports_of(job, MetricsPorts)
    return await recording.accept(
        ports.sink, ports.find_place, file.sender, Reading(messages, problems), now=now, import_id=file.id
    )


async def _note(session: AsyncSession, file: _File, accepted: Accepted) -> None:
    found = await queries.lock_import(session, file.id)
    room = max(0, IMPORT_ERRORS - found.refused)
    refused = [(problem.index, problem) for problem in accepted.problems]
    await rejections.record_rows(
        session, refused[:room], source=file.source, vendor=file.sender.vendor, import_id=file.id
    )
    outcomes = list(accepted.outcomes.values())
    found.refused += len(refused)
    found.stored += outcomes.count(Outcome.STORED)
    found.known += outcomes.count(Outcome.KNOWN)
    found.rows = found.stored + found.known + found.refused


async def _count_rows(session: AsyncSession, import_id: UUID, new: Mapping[int, int]) -> None:
    given = {"import_id": import_id, "workspace": context_of(session).workspace}
    await session.execute(_COUNT_ROWS, given | {"keys": list(new), "counts": list(new.values())})


async def _finish(job: JobRun, file: _File, was_stopped: bool) -> Mapping[str, Any]:
    # of rows in our own database nothing was counted twice: they were stored where they were noted
    stored = await _count(job, job.workspace, file.id) if was_stopped and file.format not in TABLES else None
    async with job.transaction() as session:
        found = await queries.lock_import(session, file.id)
        if stored is not None:
            found.stored, found.known = stored, found.known + found.stored - stored
        found.stage, found.finished_at = Stage.DONE, clock_of(session).now()
        await _forget_file(session, file.id)
        return {"rows": found.rows, "stored": found.stored, "known": found.known, "refused": found.refused}


async def _count(work: JobRun | AsyncSession, workspace: str, import_id: UUID) -> int:
    """Return how many events of an import are in the store."""
    given: dict[str, Parameter] = {"workspace": workspace, "import": import_id}
    found = await ports_of(work, MetricsPorts).store.query(_COUNT, given, workspace=workspace)
    return int(found.rows[0][0])
