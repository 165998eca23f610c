"""The page of the question, for whoever has its link. GET shows it and changes nothing, POST answers: scanners open links."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import HTMLResponse

from opsloop_common.errors import Invalid
from opsloop_common.http.deps import Db
from opsloop_common.http.pages import PageForm, PageRouter
from opsloop_feedback.csat import rules
from opsloop_feedback.csat import service as csat
from opsloop_feedback.csat.service import Question
from opsloop_feedback.csat_pages import layout
from opsloop_feedback.csat_pages.layout import Look

pages = PageRouter(csat.PAGE)
Token = Annotated[str, Query(max_length=200)]
Lang = Annotated[str | None, Query(max_length=2)]


def _look(question: Question, token: str, wanted: str | None) -> Look:
    language = layout.language_of(wanted, is_chinese=rules.is_chinese(question.locale))
    return Look(question.number, question.title, token, language)


def _page(html: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html, status, {"Content-Security-Policy": layout.POLICY})


@pages.get("")
async def show_question(session: Db, token: Token = "", lang: Lang = None) -> HTMLResponse:
    """Ask, with what was answered before; what holds is only shown."""
    question = await csat.show(session, csat.read(session, token))
    look = _look(question, token, lang)
    if question.is_final and question.score is not None:
        return _page(layout.thanks_page(look, score=question.score, is_final=True))
    return _page(layout.question_page(look, score=question.score, comment=question.comment or ""))


@pages.post("")
async def rate(session: Db, form: PageForm, token: Token = "", lang: Lang = None) -> HTMLResponse:
    """Take an answer; one that cannot be taken comes back with what is to be mended, and all that was typed."""
    feedback_id = csat.read(session, token)
    look = _look(await csat.show(session, feedback_id), token, lang)
    score, comment = form.get("score", ""), form.get("comment", "")
    try:
        read = rules.read_score(score), rules.read_comment(comment)
    except Invalid as error:
        known = int(score) if score in {"1", "2", "3", "4", "5"} else None
        flaw = "long" if error.errors[0].pointer == "/comment" else "score"
        return _page(layout.question_page(look, score=known, comment=comment, flaw=flaw), 422)
    await csat.answer(session, feedback_id, score=read[0], comment=read[1])
    return _page(layout.thanks_page(look, score=read[0], is_final=False))
