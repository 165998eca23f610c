"""The page of a form: GET shows it and changes nothing, POST sends it. No account, no cookie, no script."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from opsloop_common.http.deps import Asked, Db, Run
from opsloop_common.http.pages import PageForm, PageRouter
from opsloop_feedback.author_links.rules import is_token
from opsloop_feedback.form_pages import layout, rules, service
from opsloop_feedback.form_pages.layout import Look
from opsloop_feedback.form_pages.meters import Senders
from opsloop_feedback.form_pages.rules import Fate
from opsloop_feedback.form_pages.words import WORDS
from opsloop_feedback.forms import service as forms
from opsloop_feedback.forms.service import Form
from opsloop_feedback.sorters import service as sorters

pages = PageRouter("forms")
Lang = Annotated[str | None, Query(max_length=2)]


def _look(form: Form, request: Request, wanted: str | None) -> Look:
    spoken = rules.languages(
        [text["locale"] for text in form.texts], wanted, request.headers.get("accept-language", "")
    )
    return Look(form, spoken[0], spoken[1] if len(spoken) > 1 else None)


def _page(html: str, look: Look, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(html, status, {"Content-Security-Policy": layout.policy(look.form.accent), **(headers or {})})


@pages.get("/{slug}")
async def show_form(slug: str, request: Request, session: Db, run: Run, lang: Lang = None) -> HTMLResponse:
    """Show what a form asks."""
    form = await forms.open_form(session, slug)
    look = _look(form, request, lang)
    token = service.new_token(session, form, secrets_box=run.secrets)
    return _page(layout.form_page(look, token), look)


@pages.get("/{slug}/sent")
async def show_form_sent(
    slug: str,
    request: Request,
    session: Db,
    lang: Lang = None,
    ref: Annotated[str, Query(max_length=40)] = "",
    see: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Say that what was sent has arrived, how to name it, and where to see how far we are."""
    form = await forms.open_form(session, slug)
    look = _look(form, request, lang)
    return _page(layout.sent_page(look, rules.read_reference(ref), see if is_token(see) else None), look)


@pages.post("/{slug}", response_model=None)
async def send_form(slug: str, request: Request, asked: Asked, fields: PageForm, session: Db) -> Response:
    """Take in what was typed, once; what cannot be taken comes back with all of it, and what is to be mended."""
    run, context = asked.runtime, asked.context
    # before the transaction: a connection is not held while another is waited for
    sorter = sorters.find_sorter(run.db, context.workspace) or await sorters.read_sorter(run.db, context)
    form = await forms.open_form(session, slug)
    turns_to = fields.get("turn")
    look = _look(form, request, turns_to or fields.get("lang"))
    if turns_to is not None:
        return _page(
            layout.form_page(look, fields.get(rules.SHOWN, ""), rules.read_answers(form.fields, fields).typed), look
        )
    senders = run.db.meters.of(Senders)
    sending = await service.send(
        session,
        form,
        fields,
        language=look.language,
        secrets_box=run.secrets,
        sorter=sorter,
        take=partial(senders.take, f"{form.id}/{asked.who.credential}"),
    )
    if sending.reference is not None:
        senders.count(str(sending.fate))
        where = f"{slug}/sent?ref={sending.reference}&see={sending.seen_by}&lang={look.language}"
        return RedirectResponse(where, 303)
    typed, token = sending.answers.typed, fields.get(rules.SHOWN, "")
    if sending.wait is not None:
        senders.count("too_many")
        html = layout.form_page(look, token, typed, notice=WORDS["too_many"])
        return _page(html, look, 429, {"Retry-After": str(sending.wait)})
    if sending.fate is Fate.TOO_OLD:
        senders.count(Fate.TOO_OLD)
        token = service.ready_token(session, form, secrets_box=run.secrets)
        return _page(layout.form_page(look, token, typed, notice=WORDS["too_old"]), look, 409)
    senders.count("flawed")
    html = layout.form_page(look, token, typed, flaws=sending.answers.flaws, notice=WORDS["errors"])
    return _page(html, look, 422)
