"""The sample service's page: one note, for whoever was sent a link to it."""

from __future__ import annotations

from html import escape
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from opsloop_common import resources
from opsloop_common.errors import Invalid
from opsloop_common.http.deps import Db
from opsloop_common.http.pages import PageForm, PageRouter, form_token, opened, page_html
from opsloop_common.testing.sample.tables import Note
from opsloop_common.versions import ANY_VERSION

PURPOSE = "note"

pages = PageRouter("notes")
pages.open_by_link(PURPOSE, lambda found: f"notes/{found.subject.partition('/')[2]}")


@pages.get("/{note_id}", dependencies=[opened(PURPOSE, "note/{note_id}")])
async def show_note(note_id: UUID, session: Db, request: Request) -> HTMLResponse:
    """Show a note, with a form to write it anew."""
    note = await resources.get(session, Note, Note.id == note_id)
    form = f'<form method="post">{form_token(request)}<input name="text"><button>Write</button></form>'
    return HTMLResponse(page_html(note.text, f"<p>{escape(note.text)}</p>{form}"))


@pages.post("/{note_id}", dependencies=[opened(PURPOSE, "note/{note_id}")], response_model=None)
async def write_note(note_id: UUID, form: PageForm, session: Db) -> RedirectResponse:
    """Write a note anew."""
    note = await resources.lock_for_change(session, Note, Note.id == note_id, expected=ANY_VERSION)
    if not form.get("text"):
        raise Invalid("/text", "must say something")
    resources.change(session, note, {"text": form["text"]})
    return RedirectResponse(str(note_id), 303)
