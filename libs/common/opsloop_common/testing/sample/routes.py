"""Routes of the sample service: one of each kind that the HTTP shell has to get right."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field, JsonValue
from sqlalchemy import func, select

from opsloop_common import outbox
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.errors import IllegalTransition, NotFound
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, problems, public
from opsloop_common.http.schemas import Duration, InModel, OutModel, Timestamp
from opsloop_common.testing.sample.tables import Note

router = ApiRouter(tags=["notes"])
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


async def _get(db: Db, note_id: UUID) -> Note:
    note = await db.get(Note, note_id, with_for_update=True)
    if note is None:
        raise NotFound("There is no such note.")
    return note


@router.post("/v1/notes", status_code=201, dependencies=[WRITE])
async def create_note(body: NoteIn, db: Db, who: Who, response: Response) -> NoteOut:
    """Write a note down."""
    note = Note(workspace=who.workspace, text=body.text)
    db.add(note)
    await db.flush()  # for created_at
    outbox.append(db, CampaignPaused(campaign_id=note.id, name=note.text))
    set_location(response, f"/v1/notes/{note.id}")
    set_etag(response, note.version)
    return NoteOut.model_validate(note)


@router.post("/v1/notes:batch", dependencies=[WRITE, body_limit(8 * 1024 * 1024)])
async def create_notes(body: list[NoteIn], db: Db, who: Who) -> dict[str, int]:
    """Write many notes down."""
    db.add_all([Note(workspace=who.workspace, text=item.text) for item in body])
    return {"created": len(body)}


@router.get("/v1/notes", dependencies=[READ])
async def list_notes(db: Db, page: PageQuery, text: Annotated[str | None, Query()] = None) -> Listing[NoteOut]:
    """List notes, newest first."""
    query = select(Note)
    if text is not None:
        query = query.where(Note.text == text)
    found = await paginate(db, query, page, by=[Note.created_at.desc(), Note.id.desc()])
    return found.map(NoteOut.model_validate)


@router.get("/v1/notes/{note_id}", dependencies=[READ], responses=problems(404))
async def get_note(note_id: UUID, db: Db, response: Response) -> NoteOut:
    """Show a note."""
    note = await _get(db, note_id)
    set_etag(response, note.version)
    return NoteOut.model_validate(note)


@router.patch("/v1/notes/{note_id}", dependencies=[WRITE], responses=problems(404))
async def update_note(note_id: UUID, body: NotePatch, db: Db, if_match: IfMatch, response: Response) -> NoteOut:
    """Change a note."""
    note = await _get(db, note_id)
    if_match.require(note.version)
    note.text = body.text
    note.version += 1
    set_etag(response, note.version)
    return NoteOut.model_validate(note)


@router.delete("/v1/notes/{note_id}", status_code=204, dependencies=[WRITE], responses=problems(404))
async def delete_note(note_id: UUID, db: Db, if_match: IfMatch) -> None:
    """Throw a note away."""
    note = await _get(db, note_id)
    if_match.require(note.version)
    await db.delete(note)


@router.post("/v1/notes/{note_id}/shout", dependencies=[WRITE], responses=problems(404, 409))
async def shout_note(note_id: UUID, db: Db) -> NoteOut:
    """Make a note loud, once."""
    note = await _get(db, note_id)
    if note.text.isupper():
        raise IllegalTransition("loud", "loud", ["plain"])
    note.text = note.text.upper()
    note.version += 1
    return NoteOut.model_validate(note)


@router.get("/v1/notes-count", dependencies=[public()])
async def tell_nothing() -> dict[str, Any]:
    """Tell everybody nothing."""
    return {"count": None}


@router.get("/v1/faults/{kind}", dependencies=[READ], include_in_schema=False)
async def fail(kind: str, db: Db) -> None:
    """Fail in a way of one's choice."""
    if kind == "bug":
        raise RuntimeError("secret of the inside")
    await db.execute(select(func.pg_terminate_backend(func.pg_backend_pid())))
