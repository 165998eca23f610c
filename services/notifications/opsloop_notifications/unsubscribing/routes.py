"""The page behind the links of mails. GET shows and changes nothing: whoever scans mails opens every link (RFC 8058, 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Annotated

from fastapi import Query
from starlette.responses import HTMLResponse

from opsloop_common.http.deps import Db, Run
from opsloop_common.http.pages import PageForm, PageRouter, page_html
from opsloop_notifications.unsubscribing import service
from opsloop_notifications.unsubscribing.service import Choice, Page

ONE_CLICK = "List-Unsubscribe", "One-Click"
pages = PageRouter(service.PAGE)
Token = Annotated[str, Query(max_length=200)]


@pages.get("")
async def show_choices(session: Db, run: Run, token: Token = "") -> HTMLResponse:
    """Show what the person gets, with a button to end the topic that the mail was of."""
    link = service.read(session, token, secrets=run.secrets)
    return HTMLResponse(_choices(await service.show(session, link), token))


@pages.post("")
async def choose(session: Db, run: Run, form: PageForm, token: Token = "") -> HTMLResponse:
    """End a topic, as mail programs ask without cookies or a page, or do as the page's form says."""
    link = service.read(session, token, secrets=run.secrets)
    match form.get("do"):
        case "save":
            kept = [name.removeprefix("topic.") for name in form if name.startswith("topic.")]
            await service.choose(session, link, kept, _every(form))
            return _done("Your choice is saved.", "您的选择已保存。")
        case "leave":
            await service.leave(session, link)
            return _done("You will get no more messages from us.", "我们不会再给您发送消息。")
        case _ if form.get("do") == "unsubscribe" or form.get(ONE_CLICK[0]) == ONE_CLICK[1]:
            await service.unsubscribe(session, link)
            return _done("You are unsubscribed.", "您已退订。")
        case _:  # nothing that anybody asks for: shown, as a GET would
            return HTMLResponse(_choices(await service.show(session, link), token))


EVERY = {"none": "at once · 立即", "hour": "hourly · 每小时", "day": "daily · 每天", "week": "weekly · 每周"}


def _every(form: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix("every."): value for name, value in form.items() if name.startswith("every.")}


def _often(choice: Choice) -> str:
    options = "".join(
        f'<option value="{value}"{" selected" if value == choice.every else ""}>{words}</option>'
        for value, words in EVERY.items()
    )
    label = f"{escape(choice.name, quote=True)}: how often · 频率"
    return f'<select name="every.{escape(choice.key, quote=True)}" aria-label="{label}">{options}</select>'


def _done(english: str, chinese: str) -> HTMLResponse:
    return HTMLResponse(page_html(f"{english} · {chinese}", f"<h1>{english}</h1><h1 lang=zh>{chinese}</h1>"))


def _name(choice: Choice) -> str:
    same = choice.name == choice.name_zh
    return escape(choice.name if same else f"{choice.name} · {choice.name_zh}")


def _choices(page: Page, token: str) -> str:
    action = f'<form method="post" action="?token={escape(token, quote=True)}">'
    boxes = "".join(
        f'<p><label><input type="checkbox" name="topic.{escape(each.key, quote=True)}"'
        f"{' checked' if each.is_on else ''}> {_name(each)}</label> {_often(each)}</p>"
        for each in page.choices
    )
    return page_html(
        "Unsubscribe · 退订",
        f"<h1>Unsubscribe · 退订</h1><p>{_name(page.topic)}</p>"
        f'{action}<button name="do" value="unsubscribe">Unsubscribe · 退订</button></form>'
        f"<h1>What you get · 您接收的消息</h1>"
        f'{action}{boxes}<button name="do" value="save">Save · 保存</button></form>'
        f'{action}<p><button name="do" value="leave">Nothing at all · 全部退订</button></p></form>',
    )
