"""The door that asks, and the page that takes the answer: GET shows, POST confirms."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import Query
from starlette.responses import HTMLResponse

from opsloop_common.http.deps import Db, Run
from opsloop_common.http.pages import PageForm, PageRouter, page_html
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import UserId
from opsloop_notifications.confirmations import service
from opsloop_notifications.confirmations.schemas import ConfirmationOut

router = ApiRouter(tags=["recipients"])
pages = PageRouter(service.PAGE)
Token = Annotated[str, Query(max_length=2_000)]


@router.post(
    "/v1/recipients/{user_id:path}/confirmation",
    status_code=202,
    dependencies=[allow("notifications:write")],
    responses=problems(404, 409),
)
async def ask_for_confirmation(user_id: UserId, session: Db, run: Run) -> ConfirmationOut:
    """Ask a person by mail whether their unconfirmed address is theirs; once an hour at most."""
    public_url = run.settings.public_url
    return ConfirmationOut(message_id=await service.ask(session, user_id, secrets=run.secrets, public_url=public_url))


@pages.get("")
async def show_question(session: Db, run: Run, token: Token = "") -> HTMLResponse:
    """Show the address with a button: whoever scans mails presses none."""
    _, email, _ = service.read(session, token, secrets=run.secrets)
    return HTMLResponse(
        page_html(
            "Is this your address? · 这是您的邮箱地址吗？",
            f"<h1>Is this your address? · 这是您的邮箱地址吗？</h1><p>{escape(email)}</p>"
            f'<form method="post" action="?token={escape(token, quote=True)}"><button>Yes · 是</button></form>',
        )
    )


@pages.post("")
async def confirm(session: Db, run: Run, form: PageForm, token: Token = "") -> HTMLResponse:
    """Take the person's word that the address is theirs."""
    await service.confirm(session, token, secrets=run.secrets)
    words = "Thank you. Your address is confirmed.", "谢谢，您的邮箱地址已确认。"
    return HTMLResponse(page_html(" · ".join(words), "".join(f"<h1>{each}</h1>" for each in words)))
