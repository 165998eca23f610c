"""The page by which who was mailed says that they see to an alert: the link shows it, the press of a button acts."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from opsloop_common.db import acting_for, context_of
from opsloop_common.http.deps import Db
from opsloop_common.http.pages import PageForm, PageRouter, form_token, opened, page_html
from opsloop_common.versions import ANY_VERSION
from opsloop_notifications.alerts import queries, service
from opsloop_notifications.alerts.models import Alert
from opsloop_notifications.alerts.rules import AlertStatus
from opsloop_notifications.alerts.service import LINK_PURPOSE
from opsloop_notifications.labels.rules import in_language

pages = PageRouter("alerts")
pages.open_by_link(LINK_PURPOSE, lambda found: f"alerts/{found.subject.partition('/')[2]}")
OPENED = opened(LINK_PURPOSE, "alert/{alert_id}/{message_id}")


@pages.get("/{alert_id}/{message_id}", dependencies=[OPENED])
async def show_alert(alert_id: UUID, session: Db, request: Request) -> HTMLResponse:
    """Show an alert, with a button that acknowledges it while nobody has."""
    alert = await queries.get_alert(session, alert_id)
    button = f'<form method="post">{form_token(request)}<button>Acknowledge · 认领</button></form>'
    return HTMLResponse(page_html(alert.name, _body(alert) + (button if _may_be_taken(alert) else "")))


@pages.post("/{alert_id}/{message_id}", dependencies=[OPENED], response_model=None)
async def acknowledge_alert(alert_id: UUID, message_id: UUID, _: PageForm, session: Db) -> RedirectResponse:
    """Acknowledge an alert as whom the message told, unless it has ended or somebody was faster; the page then says so."""
    alert = await queries.get_alert(session, alert_id)
    if _may_be_taken(alert):
        user = await queries.find_told(session, message_id)
        who = "system" if user is None else f"user:{user}"  # who was erased meanwhile has no name any more
        with acting_for(session, replace(context_of(session), actor=who)):
            await service.acknowledge(session, alert_id, note="by a link", expected=ANY_VERSION)
    return RedirectResponse(str(message_id), 303)


def _may_be_taken(alert: Alert) -> bool:
    return alert.status == AlertStatus.FIRING and alert.acknowledged_at is None


def _body(alert: Alert) -> str:
    if alert.status == AlertStatus.RESOLVED:
        state = "It has ended. · 已结束。"
    elif alert.acknowledged_at is not None:
        state = "Somebody sees to it. · 已有人认领。"
    else:
        state = "Nobody has acknowledged it. · 尚无人认领。"
    english, chinese = (in_language(alert.annotations, language) for language in ("en", "zh"))
    both = {name: " · ".join(dict.fromkeys((english[name], chinese[name]))) for name in english}
    said = sorted(alert.labels.items()) + sorted(both.items())
    lines = "".join(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in said)
    return f"<h1>{escape(alert.name)}</h1><p>{state}</p><ul>{lines}</ul>"
