"""The HTTP doors of forms."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.service import Runtime
from opsloop_feedback.forms import queries, service
from opsloop_feedback.forms.models import Form
from opsloop_feedback.forms.rules import Outcome
from opsloop_feedback.forms.schemas import FormCountsOut, FormDayOut, FormIn, FormOut, FormPatch
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["forms"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")
ROOM = "forms"


def _shown(form: Form, run: Runtime) -> FormOut:
    public = (run.settings.public_url or "").rstrip("/")
    page = f"{public}/p/{form.workspace}/{ROOM}/{form.slug}"
    return FormOut.model_validate({name: getattr(form, name, page) for name in FormOut.model_fields})


def _answer(response: Response, form: Form, run: Runtime) -> FormOut:
    set_etag(response, form.version)
    return _shown(form, run)


@router.post("/v1/forms", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_form(body: FormIn, session: Db, run: Run, response: Response) -> FormOut:
    """Make a page that asks visitors what they have to say, and takes it in as feedback of the channel `form`."""
    form = await service.create_form(session, body.model_dump(mode="json"))
    set_location(response, f"/v1/forms/{form.id}")
    return _answer(response, form, run)


@router.get("/v1/forms", dependencies=[READ])
async def list_forms(session: Db, who: Who, run: Run, page: PageQuery) -> Listing[FormOut]:
    """List forms, newest first."""
    rows = await paginate(session, queries.forms(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(lambda form: _shown(form, run))


@router.get("/v1/forms/{form_id}", dependencies=[READ], responses=problems(404))
async def get_form(form_id: UUID, session: Db, run: Run, response: Response) -> FormOut:
    """Show a form."""
    return _answer(response, await queries.get_form(session, form_id), run)


@router.patch("/v1/forms/{form_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_form(
    form_id: UUID, body: FormPatch, session: Db, run: Run, expected: IfMatch, response: Response
) -> FormOut:
    """Change a form; `enabled` opens and closes its page."""
    return _answer(response, await service.change_form(session, form_id, changes_of(body), expected=expected), run)


@router.delete("/v1/forms/{form_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_form(form_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a form away; what was sent by it stays."""
    await service.delete_form(session, form_id, expected=expected)


@router.get("/v1/forms/{form_id}/counts", dependencies=[READ], responses=problems(404))
async def get_form_counts(form_id: UUID, session: Db) -> FormCountsOut:
    """Show what became of what was sent by a form: posts, and what was taken for spam and by what."""
    days = (await service.counts_of(session, form_id)).items()
    return FormCountsOut(
        days=[FormDayOut(day=day, **{each.value: counts.get(each, 0) for each in Outcome}) for day, counts in days]
    )
