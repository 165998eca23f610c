"""Use cases of files of posts: a job reads one block by block; what it brought is taken back by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from hashlib import blake2b
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
from opsloop_common.limits import FEEDBACK_IMPORT_DAYS, IMPORT_ERRORS, IMPORTS_AT_ONCE
from opsloop_common.turns import in_turns, turn
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.feedback_imports import queries, rules
from opsloop_feedback.feedback_imports.models import FeedbackImport, FeedbackImportError, FeedbackImportKey
from opsloop_feedback.feedback_imports.reading import Batch, Post, Read, Refused, as_lines, read_row
from opsloop_feedback.feedback_imports.rules import UNDOABLE, BadFile, FileType, Head, Place, Row, Stage
from opsloop_feedback.import_formats.rules import Format
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.intake import service as intake
from opsloop_feedback.intake.service import Prepared
from opsloop_feedback.items import service as items
from opsloop_feedback.sorters import service as sorters

IMPORT_JOB = "feedback.import_feedback"
UNDO_JOB = "feedback.undo_feedback_import"
PIECE_BYTES = 1024 * 1024
BLOCK_ROWS = 200
FORGET_BATCH = 20


def prepare(data: bytes, type: FileType, format: Format, mapping: Mapping[str, str]) -> tuple[bytes, Head]:
    """Return a file as it is kept, and how it is read; raises Invalid (422)."""
    try:
        kept = rules.as_utf8(data)
        if type is FileType.JSON and kept.strip():
            kept = as_lines(kept)
        return kept, rules.head_of(kept, type, format, mapping)
    except BadFile as bad:
        raise Invalid("", f"The file {bad}.") from bad


async def create(
    session: AsyncSession,
    data: bytes,
    head: Head,
    *,
    name: str,
    tag: str | None,
    format: Format,
    type: FileType,
    mapping: Mapping[str, str],
    channel: str | None,
    source: str,
    is_dry_run: bool,
) -> FeedbackImport:
    """Keep a file that was prepared, and begin to read it by a job. Raises TooMany (409)."""
    await workspaces.lock(session)  # so that two who ask at once are counted one after the other
    if await queries.count_open(session) >= IMPORTS_AT_ONCE:
        raise TooMany(f"A workspace has at most {IMPORTS_AT_ONCE} files on their way; wait for one, or cancel it.")
    context = context_of(session)
    found = FeedbackImport(
        id=uuid7(),
        workspace=context.workspace,
        name=name,
        tag=tag,
        format=format,
        type=type,
        columns=list(head.columns),
        mapping=dict(mapping),
        channel=channel,
        source=source,
        is_dry_run=is_dry_run,
        stage=Stage.IMPORTING,
        created_by=context.actor,
        created_at=clock_of(session).now(),
        size=len(data),
        data=data,
        rows=0, created=0, existing=0, refused=0, removed=0, kept=0,
    )  # fmt: skip
    found.job_id = await start_job(session, IMPORT_JOB, {"import_id": str(found.id)})
    session.add(found)
    await session.flush()
    audit.record(session, "feedback_import.created", f"feedback_import/{found.id}", after={"format": format})
    return found


async def cancel(session: AsyncSession, import_id: UUID) -> FeedbackImport:
    """Stop reading a file; what it brought stays, until it is undone. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage != Stage.IMPORTING or found.job_id is None:
        raise Conflict(f"The import is {found.stage}: there is nothing to cancel.")
    await cancel_job(session, found.job_id)
    await _close(session, found, Stage.CANCELLED)
    audit.record(session, "feedback_import.cancelled", f"feedback_import/{found.id}")
    return found


async def undo(session: AsyncSession, import_id: UUID) -> FeedbackImport:
    """Remove what came with a file, by a job, but what people worked on since; again is the same. Raises NotFound, Conflict."""
    found = await queries.lock_import(session, import_id)
    if found.stage in (Stage.UNDOING, Stage.UNDONE):
        return found
    if found.stage not in UNDOABLE or found.is_dry_run:
        why = "a dry run, which changed nothing" if found.is_dry_run else f"{found.stage}"
        raise Conflict(f"The import is {why}; one that has ended can be taken back.")
    found.stage = Stage.UNDOING
    found.job_id = await start_job(session, UNDO_JOB, {"import_id": str(found.id)})
    audit.record(session, "feedback_import.undone", f"feedback_import/{found.id}")
    return found


async def forget_ended(session: AsyncSession) -> bool:
    """Forget a batch of files that ended long ago; says whether there may be more."""
    before = clock_of(session).now() - timedelta(days=FEEDBACK_IMPORT_DAYS)
    found = await queries.ended_before(session, before, limit=FORGET_BATCH)
    await session.execute(delete(FeedbackImport).where(FeedbackImport.id.in_([each.id for each in found])))
    return len(found) == FORGET_BATCH


async def _close(session: AsyncSession, found: FeedbackImport, stage: Stage) -> None:
    found.stage, found.finished_at, found.data = stage, clock_of(session).now(), None
    await session.execute(delete(FeedbackImportKey).where(FeedbackImportKey.import_id == found.id))


async def import_feedback(job: JobRun) -> Mapping[str, Any]:
    """Read the file that the job names to its end; each block is taken in and noted in one transaction, so none is taken twice."""
    import_id = UUID(job.payload["import_id"])
    async with job.transaction() as session:
        found = await queries.get_import(session, import_id)
        start = await queries.piece(session, import_id, 0, length=2 * rules.ROW_BYTES)
    size, format, type = found.size, Format(found.format), FileType(found.type)
    async with turn(job.workspace):
        head = rules.head_of(start, type, format, found.mapping)
    batch = Batch(format, head, found.source, found.channel, found.tag)
    place = Place(**job.state["place"]) if job.state else Place(head.length, head.rows)
    while place.at < size:
        async with job.transaction() as session:
            piece = await queries.piece(session, import_id, place.at, length=PIECE_BYTES)
            now = clock_of(session).now()
        is_last = place.at + len(piece) == size
        async with turn(job.workspace):
            rows, place = rules.cut(piece, place, head.delimiter, is_last=is_last, limit=BLOCK_ROWS)
        read = await in_turns(partial(read_row, batch=batch, now=now), rows, workspace=job.workspace)
        prepared = await _prepare(job, found, read)
        async with job.transaction() as session:
            statuses = await _foretell(session, found, prepared) if found.is_dry_run else []
            if not found.is_dry_run:
                statuses = await _take(session, found, read, prepared)
            await _note(session, import_id, rows, read, statuses, head)
            await job.progress(place.at, size, state={"place": asdict(place)}, session=session)
        failpoints.hit("feedback.import_noted")
        if place.at < size:
            job.give_way()
    async with job.transaction() as session:
        ended = await queries.lock_import(session, import_id)
        await _close(session, ended, Stage.DONE)
        return {name: getattr(ended, name) for name in ("rows", "created", "existing", "refused")}


async def _prepare(job: JobRun, found: FeedbackImport, read: Sequence[Read]) -> Prepared:
    """Sort what is new of a block before its transaction begins."""
    posts = [each for each in read if isinstance(each, Post)]
    said = [post.said for post in posts]
    async with job.transaction() as session:
        known = await intake.known_among(session, said)
        sorter = await sorters.read_within(session)
        now = clock_of(session).now()
    prepared = await intake.prepare(said, known, workspace=job.workspace, now=now, sorter=sorter)
    by_key = dict(reversed(list(zip(prepared.keys, posts, strict=True))))
    for key, row in prepared.rows.items():
        post = by_key[key]
        replies = [rules.before(each.at, found.created_at) for each in post.messages if each.kind == "reply"]
        rules.came_with(
            row,
            UUID(job.payload["import_id"]),
            status=post.status,
            votes=post.votes,
            replied_at=min(replies) if replies else None,
        )
    return prepared


async def _take(
    session: AsyncSession, found: FeedbackImport, read: Sequence[Read], prepared: Prepared
) -> Sequence[str]:
    posts = [each for each in read if isinstance(each, Post)]
    taken = await intake.submit_many(session, prepared)
    messages = [
        {
            "workspace": found.workspace,
            "feedback_id": id,
            "kind": each.kind,
            "body": f"{each.by}: {each.body}" if each.by else each.body,
            "actor": found.created_by,
            "created_at": rules.before(each.at, found.created_at),
        }
        for post, (id, is_new) in zip(posts, taken, strict=True)
        if is_new
        for each in post.messages
    ]
    await conversations.keep_imported(session, messages)
    return ["created" if is_new else "existing" for _, is_new in taken]


async def _foretell(session: AsyncSession, found: FeedbackImport, prepared: Prepared) -> Sequence[str]:
    """Say what would become of posts; what an earlier block would have brought is known by then."""
    new = {key: blake2b(repr(key).encode(errors="replace"), digest_size=16).digest() for key in prepared.rows}
    rows = [{"import_id": found.id, "workspace": found.workspace, "digest": digest} for digest in new.values()]
    met: set[bytes] = set()
    if rows:
        adding = insert(FeedbackImportKey).values(rows).on_conflict_do_nothing()
        met = set(await session.scalars(adding.returning(FeedbackImportKey.digest)))
    statuses = []
    for key in prepared.keys:
        is_new = key in new and new[key] in met
        met.discard(new.get(key, b""))
        statuses.append("created" if is_new else "existing")
    return statuses


async def _note(
    session: AsyncSession,
    import_id: UUID,
    rows: Sequence[Row],
    read: Sequence[Read],
    statuses: Sequence[str],
    head: Head,
) -> None:
    found = await queries.lock_import(session, import_id)
    refused = [(row.number, each) for row, each in zip(rows, read, strict=True) if isinstance(each, Refused)]
    room = max(0, IMPORT_ERRORS - found.refused)
    session.add_all(_error(found, number, each, head) for number, each in refused[:room])
    for status, count in rules.counted(statuses).items():
        setattr(found, status, getattr(found, status) + count)
    found.refused += len(refused)
    found.rows += len(rows)


def _error(found: FeedbackImport, number: int, refused: Refused, head: Head) -> FeedbackImportError:
    fault = refused.faults[0]
    return FeedbackImportError(
        import_id=found.id,
        row=number,
        workspace=found.workspace,
        field=rules.column_of(fault.pointer, head),
        detail=fault.detail,
    )


async def undo_import(job: JobRun) -> Mapping[str, Any]:
    """Remove what came with a file, block by block; what people changed, answered, noted or merged since stays."""
    import_id, after = UUID(job.payload["import_id"]), job.state.get("after")
    while True:
        async with job.transaction() as session:
            found = await queries.lock_import(session, import_id)
            last = None if after is None else UUID(after)
            ids = await items.imported_after(session, import_id, last, limit=BLOCK_ROWS)
            if not ids:
                await _close(session, found, Stage.UNDONE)
                return {"removed": found.removed, "kept": found.kept}
            gone = await items.lock_untouched(session, ids)
            gone -= await conversations.spoken_to(session, gone, since=found.created_at)
            if gone:
                await indexing.remove(session, sorted(gone))
                await items.remove(session, gone)
            found.removed += len(gone)
            found.kept += len(ids) - len(gone)
            after = str(ids[-1])
            await job.progress(job.done + len(ids), found.created, state={"after": after}, session=session)
        failpoints.hit("feedback.import_undone")
        job.give_way()
