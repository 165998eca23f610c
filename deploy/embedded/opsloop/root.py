"""What answers at the root of the one process: a page of links, health, metrics, and each service below /api/<service>."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Literal

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from opsloop.metrics import MergedRegistries
from opsloop_common.http.exposition import metrics_routes
from opsloop_common.http.headers import page_policy, source_of
from opsloop_common.http.pages import room_in
from opsloop_common.http.problems import error_response
from opsloop_common.ids import uuid7
from opsloop_common.settings import Settings

Ready = tuple[Literal["ready", "degraded", "unready"], Mapping[str, Mapping[str, str]]]
"""How all of it is, and of each service that is not ready which checks failed, and why. `degraded`: it does without something."""
Readiness = Callable[[], Awaitable[Ready]]

_API = "/api/"


class Root:
    """Hands each request to the service that its path names; what names none is answered by `own`.

    By hand: a mounted route does not match a path with a line break in it, redirects the service's bare name, and is tried after
    all routes before it.
    """

    def __init__(self, apps: Mapping[str, ASGIApp], own: ASGIApp, rooms: Mapping[str, str]) -> None:
        self._apps = {_API + name: app for name, app in apps.items()}
        self._rooms = {room: apps[service] for room, service in rooms.items()}
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, inner = self._own, scope
        if scope["type"] == "http" and scope["path"].startswith(_API):
            name, _, below = scope["path"].removeprefix(_API).partition("/")
            # metrics are the whole process's
            if (_API + name) in self._apps and below != "metrics":
                app, root = self._apps[_API + name], scope.get("root_path", "")
                inner = {**scope, "root_path": root + _API + name, "app_root_path": scope.get("app_root_path", root)}
        elif scope["type"] == "http" and (room := room_in(scope["path"])) in self._rooms:
            app = self._rooms[room]
        await app(inner, receive, send)


def create_root(
    apps: Mapping[str, ASGIApp],
    registries: Mapping[str, CollectorRegistry],
    ready: Readiness,
    settings: Settings,
    *,
    rooms: Mapping[str, str],
) -> ASGIApp:
    """Return the application that holds all services, each with its `rooms` of pages below `/p/<workspace>/`.

    It runs no lifespan of theirs: the runner enters each.
    """
    page = _page(list(apps), settings)
    policy = page_policy(styles=[source_of(_STYLE)])

    async def index(_: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        status, reasons = await ready()
        services = {"services": reasons} if reasons else {}
        return JSONResponse({"status": status, **services}, 503 if status == "unready" else 200)

    own = Starlette(
        routes=[
            Route("/", index),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            *metrics_routes(MergedRegistries(registries), settings),
        ],
        exception_handlers={HTTPException: _answer_error},
    )
    own.router.redirect_slashes = False
    return Root(apps, own, rooms)


async def _answer_error(request: Request, error: Exception) -> Response:
    request_id = str(uuid7())
    response = error_response(error, request.scope, request_id=request_id)
    response.headers["X-Request-Id"] = request_id
    return response


_ABOUT = {
    "feedback": ("hears what users say", "倾听用户反馈"),
    "metrics": ("measures, and tells when a KPI breaches", "度量指标，KPI 越界即报"),
    "campaigns": ("acts on it", "据此行动"),
    "notifications": ("tells people and machines", "通知人与系统"),
}


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; }
td { padding: .5rem .75rem .5rem 0; border-top: 1px solid #ddd; vertical-align: top; }
small { color: #666; }
"""


def _page(services: list[str], settings: Settings) -> str:
    has_docs, has_metrics = settings.docs_access == "open", settings.metrics_access == "open"
    rows = "\n".join(_row(name, has_docs=has_docs) for name in services)
    metrics = (
        ' ·\n<a href="/metrics">Prometheus metrics · <span lang="zh-CN">监控指标</span></a>' if has_metrics else ""
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpsLoop</title>
<style>{_STYLE}</style>
<h1>OpsLoop</h1>
<p>Hear, understand, act, tell: everything runs in this process.<br>
<span lang="zh-CN">倾听、理解、行动、告知：全部在这一个进程里运行。</span></p>
<table>
{rows}
</table>
<p><a href="/readyz">readiness · <span lang="zh-CN">就绪</span></a>{metrics}</p>
<p><small>Sign in with <code>Authorization: Bearer &lt;key&gt;</code>; the operator's key is in <code>operator.key</code>
of the data directory.<br><span lang="zh-CN">请求需带 <code>Authorization: Bearer &lt;key&gt;</code>；管理员密钥在数据目录的
<code>operator.key</code> 中。</span></small></p>
</html>
"""


def _row(service: str, *, has_docs: bool) -> str:
    english, chinese = _ABOUT.get(service, ("", ""))
    base = f"/api/{escape(service)}"
    docs = (
        f'<td><a href="{base}/docs">docs · <span lang="zh-CN">文档</span></a></td>'
        f'<td><a href="{base}/openapi.json">openapi.json</a></td>'
    )
    return (
        f'<tr><td><b>{escape(service)}</b><br><small>{english}<br><span lang="zh-CN">{chinese}</span></small></td>'
        f"{docs if has_docs else ''}"
        f'<td><a href="{base}/readyz">readyz</a></td></tr>'
    )
