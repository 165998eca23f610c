"""Routes of the sample service: one of each kind that the HTTP shell has to get right."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field, JsonValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import create_async_engine

from opsloop_common import outbox, resources
from opsloop_common.access.idempotency import LOCK_SQL, SEEN_SQL, Answer, store_sql
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Database
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.errors import IllegalTransition
from opsloop_common.http.deps import Asked, Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import (
    ApiRouter,
    allow,
    body_limit,
    own_idempotency,
    problems,
    public,
    publishable,
    users,
)
from opsloop_common.http.schemas import Duration, InModel, OutModel, Timestamp
from opsloop_common.ids import uuid7
from opsloop_common.lanes import Statement
from opsloop_common.parameters import bound
from opsloop_common.testing.sample.tables import Note
from opsloop_common.versions import ANY_VERSION

router = ApiRouter(tags=["notes"])
NEWEST_FIRST = (Note.created_at.desc(), Note.id.desc())
READ = allow("sample:read", "sample:write")
WRITE = allow("sample:write")


class NoteIn(InModel):
    """A note to write down."""

    text: Annotated[str, Field(min_length=1, max_length=1000)]
    kind: Literal["plain", "loud"] = "plain"
    priority: int | None = None
    remind_in: Duration | None = None
    remind_at: Timestamp | None = None
    attributes: dict[str, JsonValue] | None = None


class NotePatch(InModel):
    """A change of a note."""

    text: Annotated[str, Field(min_length=1, max_length=1000)]


class NoteOut(OutModel):
    """A note."""

    id: UUID
    text: str
    version: int
    created_at: Timestamp


@router.post("/v1/notes", status_code=201, dependencies=[WRITE, publishable(), users()])
async def create_note(body: NoteIn, session: Db, who: Who, response: Response) -> NoteOut:
    """Write a note down."""
    note = Note(workspace=who.workspace, text=body.text)
    session.add(note)
    await session.flush()  # for created_at
    outbox.append(session, CampaignPaused(campaign_id=note.id, name=note.text))
    set_location(response, f"/v1/notes/{note.id}")
    set_etag(response, note.version)
    return NoteOut.model_validate(note)


@router.post("/v1/notes:batch", dependencies=[WRITE, body_limit(8 * 1024 * 1024)])
async def create_notes(body: list[NoteIn], session: Db, who: Who) -> dict[str, int]:
    """Write many notes down."""
    session.add_all([Note(workspace=who.workspace, text=item.text) for item in body])
    return {"created": len(body)}


@router.get("/v1/notes", dependencies=[READ])
async def list_notes(
    session: Db, page: PageQuery, containing: Annotated[str | None, Query(alias="text")] = None
) -> Listing[NoteOut]:
    """List notes, newest first."""
    query = select(Note)
    if containing is not None:
        query = query.where(Note.text.contains(containing))
    found = await paginate(session, query, page, by=NEWEST_FIRST)
    return found.map(NoteOut.model_validate)


@router.get("/v1/notes/{note_id}", dependencies=[READ], responses=problems(404))
async def get_note(note_id: UUID, session: Db, response: Response) -> NoteOut:
    """Show a note."""
    note = await resources.get(session, Note, Note.id == note_id)
    set_etag(response, note.version)
    return NoteOut.model_validate(note)


@router.patch("/v1/notes/{note_id}", dependencies=[WRITE], responses=problems(404))
async def update_note(note_id: UUID, body: NotePatch, session: Db, expected: IfMatch, response: Response) -> NoteOut:
    """Change a note."""
    note = await resources.lock_for_change(session, Note, Note.id == note_id, expected=expected)
    resources.change(session, note, {"text": body.text})
    set_etag(response, note.version)
    return NoteOut.model_validate(note)


@router.delete("/v1/notes/{note_id}", status_code=204, dependencies=[WRITE], responses=problems(404))
async def delete_note(note_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a note away."""
    note = await resources.lock_for_change(session, Note, Note.id == note_id, expected=expected)
    await resources.delete(session, note)


@router.post("/v1/notes/{note_id}/shout", dependencies=[WRITE], responses=problems(404, 409))
async def shout_note(note_id: UUID, session: Db) -> NoteOut:
    """Make a note loud, once."""
    note = await resources.lock_for_change(session, Note, Note.id == note_id, expected=ANY_VERSION)
    if note.text.isupper():
        raise IllegalTransition("loud", "loud", ["plain"])
    return NoteOut.model_validate(resources.change(session, note, {"text": note.text.upper()}))


@router.get("/v1/notes-count", dependencies=[public()])
async def tell_nothing() -> dict[str, Any]:
    """Tell everybody nothing."""
    return {"count": None}


@router.get("/v1/faults/{kind}", dependencies=[READ], include_in_schema=False)
async def fail(kind: str, session: Db, run: Run) -> None:
    """Fail in a way of one's choice."""
    if kind == "bug":
        raise RuntimeError("secret of the inside")
    pid = (await session.execute(select(func.pg_backend_pid()))).scalar_one()
    await cut(run.db, pid)
    await session.execute(select(1))


async def cut(database: Database, pid: int) -> None:
    """End another connection, as the cluster's owner may."""
    engine = create_async_engine(database.url)
    async with engine.connect() as connection:
        await connection.execute(select(func.pg_terminate_backend(pid)))
    await engine.dispose()


_NOTE = bound([Note.__table__.c.id, Note.__table__.c.workspace, Note.__table__.c.text])
_QUICK = Statement(
    f"WITH {ENTERED_SQL}, "  # noqa: S608 our own parts
    "new AS (INSERT INTO note (id, workspace, text, version, created_at) "
    f"SELECT {_NOTE}, 1, CAST(:idem_now AS timestamptz) FROM entered RETURNING version) "
    "SELECT version FROM new"
)
_QUICK_KEYED = Statement(
    "".join(
        (
            f"WITH {ENTERED_SQL}, ",
            f"idem_seen AS ({SEEN_SQL}), idem_lock AS ({LOCK_SQL}), ",
            "new AS (INSERT INTO note (id, workspace, text, version, created_at) ",
            f"SELECT {_NOTE}, 1, CAST(:idem_now AS timestamptz) FROM entered, idem_lock ",  # noqa: S608 our own names
            "WHERE idem_lock.free AND NOT EXISTS (SELECT FROM idem_seen) RETURNING version), ",
            f"idem AS ({store_sql('new', version='new.version')}) ",
            "SELECT new.version, idem_lock.free, idem_seen.body_hash, idem_seen.answer, idem_seen.late ",
            "FROM idem_lock LEFT JOIN new ON true LEFT JOIN idem_seen ON true",
        )
    )
)


@router.post("/v1/quick-notes", status_code=201, dependencies=[WRITE, own_idempotency()], include_in_schema=False)
async def create_quick_note(body: NoteIn, call: Asked) -> NoteOut:
    """Write a note down in one autocommitted statement."""
    who, run, keyed = call.who, call.runtime, call.keyed
    now = run.clock.now()
    note = NoteOut(id=uuid7(), text=body.text, version=0, created_at=now)
    values = {"workspace": who.workspace, "id": note.id, "text": note.text}
    if keyed is None:
        (made,) = await run.db.lanes.fetch(_QUICK, values | {"idem_now": now})
        return note.model_copy(update={"version": made["version"]})
    answer = Answer(201, {}, note.model_dump_json().encode())
    values |= keyed.parameters(now) | {"idem_answer": keyed.seal(answer)}

    row = await keyed.settle(run.db, _QUICK_KEYED, values)
    return note.model_copy(update={"version": row["version"]})
