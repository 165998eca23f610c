"""The doors of status pages: the link for who works here, and the page for whoever has it. GET shows, POST answers."""

from __future__ import annotations

from html import escape
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import HTMLResponse

from opsloop_common.http.deps import Db
from opsloop_common.http.pages import PageForm, PageRouter, page_html
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.conversations.rules import SaidBy
from opsloop_feedback.conversations.service import FeedbackMessage
from opsloop_feedback.csat.service import PAGE as QUESTION
from opsloop_feedback.status_pages import rules, service
from opsloop_feedback.status_pages.schemas import StatusLinkOut
from opsloop_feedback.status_pages.service import StatusPage

router = ApiRouter(tags=["conversations"])
pages = PageRouter(service.PAGE)
Token = Annotated[str, Query(max_length=200)]
_WHO = {SaidBy.AUTHOR: "You · 您", SaidBy.STAFF: "We · 我们"}


@router.get(
    "/v1/feedback/{feedback_id}/status-link",
    dependencies=[allow("feedback:read")],
    responses=problems(404),
)
async def get_status_link(feedback_id: UUID, session: Db) -> StatusLinkOut:
    """Show the address of the page on which the author sees how far we are, and answers. Give it to the author alone."""
    return StatusLinkOut(url=await service.link_of(session, feedback_id))


@pages.get("")
async def show_status(session: Db, token: Token = "") -> HTMLResponse:
    """Show how far we are, what was said, and a form to answer."""
    return HTMLResponse(_page(await service.show(session, service.read(session, token)), token))


@pages.post("")
async def answer(session: Db, form: PageForm, token: Token = "") -> HTMLResponse:
    """Take an answer."""
    feedback_id = service.read(session, token)
    await service.answer(session, feedback_id, body=form.get("body", ""), nonce=form.get("nonce", ""))
    back = f'<p><a href="?token={escape(token, quote=True)}">Back · 返回</a></p>'
    thanks = "<h1>Thank you, we have got it.</h1><h1 lang=zh>谢谢，我们已收到。</h1>"
    return HTMLResponse(page_html("Thank you · 谢谢", f"{thanks}{back}"))


def _page(page: StatusPage, token: str) -> str:
    english, chinese = rules.WORDS[page.status]
    said = "".join(_said(message) for message in page.said if message.body)
    return page_html(
        f"#{page.number}",
        f"<h1>#{page.number} · {english}</h1><h1 lang=zh>{chinese}</h1>{_asked(page)}{said}"
        f'<form method="post" action="?token={escape(token, quote=True)}">'
        f'<input type="hidden" name="nonce" value="{page.nonce}">'
        '<p><label for="body">Your answer · 您的答复</label><br>'
        f'<textarea id="body" name="body" rows="6" cols="40" maxlength="{service.ANSWER_CHARACTERS}" required></textarea></p>'
        "<button>Send · 发送</button></form>",
    )


def _asked(page: StatusPage) -> str:
    words = "Are you satisfied? · 您满意吗？"
    return "" if page.rating is None else f'<p><a href="{QUESTION}?token={page.rating}">{words}</a></p>'


def _said(message: FeedbackMessage) -> str:
    when = message.created_at.strftime("%Y-%m-%d %H:%M")
    words = escape(message.body).replace("\n", "<br>")
    return f"<p><b>{_WHO[SaidBy(message.said_by)]}</b> · <time>{when} UTC</time><br>{words}</p>"
