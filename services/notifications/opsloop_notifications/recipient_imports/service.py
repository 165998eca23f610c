"""Use cases of many recipients at once: a batch; a file that a job reads block by block; what it did is undone by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints, workspaces
from opsloop_common.access import audit
from opsloop_common.db import clock_of, context_of
from opsloop_common.due.jobs import JobRun, cancel_job, start_job
from opsloop_common.errors import Conflict, Invalid, TooMany
from opsloop_common.ids import uuid7
from opsloop_common.limits import IMPORT_ERRORS, IMPORTS_AT_ONCE, RECIPIENT_IMPORT_DAYS
from opsloop_common.turns import in_turns, turn
from opsloop_notifications.recipient_imports import queries, rules
from opsloop_notifications.recipient_imports.models import RecipientImport, RecipientImportError, RecipientImportRow
from opsloop_notifications.recipient_imports.reading import Consent, Read, Refused, read_line
from opsloop_notifications.recipient_imports.rules import UNDOABLE, BadFile, Format, Head, Place, Row, Stage
from opsloop_notifications.recipients import service as recipients
from opsloop_notifications.recipients.service import Taken

IMPORT_JOB = "notifications.import_recipients"
UNDO_JOB = "notifications.undo_recipient_import"
PIECE_BYTES = 256 * 1024
BLOCK_ROWS = 500
FORGET_BATCH = 20
_ADD_ROWS = insert(RecipientImportRow)
_ADD_ROWS = _ADD_ROWS.on_conflict_do_update(
    index_elements=["import_id", "user_id"],
    set_={"version": _ADD_ROWS.excluded.version},
    # else somebody changed the person between two rows of the file: what they said is not undone
    where=RecipientImportRow.version == _ADD_ROWS.excluded.version - 1,
)


async def take(session: AsyncSession, rows: Sequence[Read], *, is_dry_run: bool = False) -> list[Taken | Refused]:
    """Take over what valid rows say, in their order; returns what became of each. One person may be named more than once."""
    do = recipients.foretell_many if is_dry_run else recipients.take_many
    taken = iter(await do(session, [read for read in rows if not isinstance(read, Refused)]))
    return [read if isinstance(read, Refused) else next(taken) for read in rows]


def prepare(data: bytes, format: Format) -> tuple[bytes, Head]:
    """Return a file as it is kept, and how it is read; raises Invalid (422)."""
    try:
        kept = rules.as_utf8(data)
        return kept, rules.head_of(kept, format)
    except BadFile as bad:
        raise Invalid("", f"The file {bad}.") from bad


async def create(
    session: AsyncSession,
    data: bytes,
    head: Head,
    *,
    name: str,
    format: Format,
    consent: Consent | None,
    is_dry_run: bool,
) -> RecipientImport:
    """Keep a file that was prepared, and begin to read it by a job. Raises TooMany (409)."""
    await workspaces.lock(session)  # so that two who ask at once are counted one after the other
    if await queries.count_open(session) >= IMPORTS_AT_ONCE:
        raise TooMany(f"A workspace has at most {IMPORTS_AT_ONCE} files on their way; wait for one, or cancel it.")
    context, (source, at) = context_of(session), consent or (None, None)
    found = RecipientImport(
        id=uuid7(),
        workspace=context.workspace,
        name=name,
        format=format,
        columns=list(head.columns),
        delimiter=head.delimiter if format is Format.CSV else None,
        consent_source=source,
        consent_at=at,
        is_dry_run=is_dry_run,
        stage=Stage.IMPORTING,
        created_by=context.actor,
        created_at=clock_of(session).now(),
        size=len(data),
        data=data,
        rows=0, created=0, updated=0, existing=0, refused=0, kept_addresses=0,
    )  # fmt: skip
    found.job_id = await start_job(session, IMPORT_JOB, {"import_id": str(found.id)})
    session.add(found)
    await session.flush()
    audit.record(session, "recipient_import.created", f"recipient_import/{found.id}", after={"format": format})
    return found


async def cancel(session: AsyncSession, import_id: UUID) -> RecipientImport:
    """Stop reading a file; what it did stays, until it is undone. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage != Stage.IMPORTING or found.job_id is None:
        raise Conflict(f"The import is {found.stage}: there is nothing to cancel.")
    await cancel_job(session, found.job_id)
    _close(session, found, Stage.CANCELLED)
    audit.record(session, "recipient_import.cancelled", f"recipient_import/{found.id}")
    return found


async def undo(session: AsyncSession, import_id: UUID) -> RecipientImport:
    """Put people back as they were before a file, by a job, but who was changed since; again is the same. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage in (Stage.UNDOING, Stage.UNDONE):
        return found
    if found.stage not in UNDOABLE or found.is_dry_run:
        why = "a dry run, which changed nothing" if found.is_dry_run else f"{found.stage}"
        raise Conflict(f"The import is {why}; one that has ended can be taken back.")
    found.stage = Stage.UNDOING
    found.job_id = await start_job(session, UNDO_JOB, {"import_id": str(found.id)})
    audit.record(session, "recipient_import.undone", f"recipient_import/{found.id}")
    return found


async def forget_ended(session: AsyncSession) -> bool:
    """Forget a batch of files that ended long ago, and how to undo them; says whether there may be more."""
    before = clock_of(session).now() - timedelta(days=RECIPIENT_IMPORT_DAYS)
    found = await queries.ended_before(session, before, limit=FORGET_BATCH)
    await session.execute(delete(RecipientImport).where(RecipientImport.id.in_([each.id for each in found])))
    return len(found) == FORGET_BATCH


def _close(session: AsyncSession, found: RecipientImport, stage: Stage) -> None:
    found.stage, found.finished_at, found.data = stage, clock_of(session).now(), None


async def import_recipients(job: JobRun) -> Mapping[str, Any]:
    """Read the file that the job names to its end; each block is taken over and noted in one transaction, so none is taken twice."""
    import_id = UUID(job.payload["import_id"])
    async with job.transaction() as session:
        found = await queries.get_import(session, import_id)
    format, size = Format(found.format), found.size
    head = Head(tuple(found.columns), found.delimiter or "")
    consent = None if found.consent_at is None else (found.consent_source or "", found.consent_at)
    place = Place(**job.state["place"]) if job.state else await _start(job, import_id, format)
    while place.at < size:
        async with job.transaction() as session:
            piece = await queries.piece(session, import_id, place.at, length=PIECE_BYTES)
            now = clock_of(session).now()
        is_last = place.at + len(piece) == size
        async with turn(job.workspace):
            rows, place = rules.cut(piece, place, format, head.delimiter, is_last=is_last, limit=BLOCK_ROWS)
        read = await in_turns(partial(read_line, head=head, consent=consent, now=now), rows, workspace=job.workspace)
        async with job.transaction() as session:
            answers = await take(session, read, is_dry_run=found.is_dry_run)
            await _note(session, import_id, rows, read, answers, head)
            await job.progress(place.at, size, state={"place": asdict(place)}, session=session)
        failpoints.hit("notifications.import_noted")
        if place.at < size:
            job.give_way()
    async with job.transaction() as session:
        ended = await queries.lock_import(session, import_id)
        _close(session, ended, Stage.DONE)
        return {name: getattr(ended, name) for name in ("rows", "created", "updated", "existing", "refused")}


async def _start(job: JobRun, import_id: UUID, format: Format) -> Place:
    async with job.transaction() as session:
        start = await queries.piece(session, import_id, 0, length=PIECE_BYTES)
    head = rules.head_of(start, format)
    return Place(head.length, head.rows)


async def _note(
    session: AsyncSession,
    import_id: UUID,
    rows: Sequence[Row],
    read: Sequence[Read],
    answers: Sequence[Taken | Refused],
    head: Head,
) -> None:
    found = await queries.lock_import(session, import_id)
    refused = [(row.number, answer) for row, answer in zip(rows, answers, strict=True) if isinstance(answer, Refused)]
    taken = [
        (each[0], answer)
        for each, answer in zip(read, answers, strict=True)
        if not isinstance(each, Refused) and not isinstance(answer, Refused)
    ]
    room = max(0, IMPORT_ERRORS - found.refused)
    session.add_all(_error(found, number, answer, head) for number, answer in refused[:room])
    for status, count in rules.counted(answer.status for _, answer in taken).items():
        setattr(found, status, getattr(found, status) + count)
    found.kept_addresses += sum(answer.kept_address for _, answer in taken)
    found.refused += len(refused)
    found.rows += len(rows)
    if not found.is_dry_run:
        await _remember(session, found, [(user_id, each) for user_id, each in taken if each.status != "existing"])


def _error(found: RecipientImport, number: int, refused: Refused, head: Head) -> RecipientImportError:
    fault = refused.faults[0]
    return RecipientImportError(
        import_id=found.id,
        row=number,
        workspace=found.workspace,
        field=rules.column_of(fault.pointer, head),
        detail=fault.detail,
    )


async def _remember(session: AsyncSession, found: RecipientImport, taken: Sequence[tuple[str, Taken]]) -> None:
    """Keep what is needed to undo; of a person who is named twice what they were before the first, and the version after the last."""
    own = {"import_id": found.id, "workspace": found.workspace}
    rows = [
        own | {"user_id": user_id, "version": each.version, "before": _as_json(each.before)} for user_id, each in taken
    ]
    if rows:
        await session.execute(_ADD_ROWS, rows)


def _as_json(before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if before is None:
        return None
    at: datetime | None = before["consent_at"]
    return {**before, "consent_at": at and at.isoformat()}


def _as_columns(before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if before is None:
        return None
    at: str | None = before["consent_at"]
    return {**before, "consent_at": at and datetime.fromisoformat(at)}


async def undo_import(job: JobRun) -> Mapping[str, Any]:
    """Put people back as they were before a file, block by block; who was changed since stays as they are."""
    import_id, after = UUID(job.payload["import_id"]), str(job.state.get("after", ""))
    while True:
        async with job.transaction() as session:
            rows = await queries.next_taken(session, import_id, after=after, limit=BLOCK_ROWS)
            if not rows:
                ended = await queries.lock_import(session, import_id)
                _close(session, ended, Stage.UNDONE)
                return {"undone": job.done, "changed_since": int(job.state.get("left", 0))}
            after = rows[-1].user_id
            taken = {row.user_id: (row.version, _as_columns(row.before)) for row in rows}
            undone = await recipients.take_back(session, taken)
            left = int(job.state.get("left", 0)) + len(rows) - undone
            await job.progress(job.done + undone, state={"after": after, "left": left}, session=session)
        failpoints.hit("notifications.import_undone")
        job.give_way()
