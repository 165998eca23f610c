"""What answers at the root of the one process: a page of links, health, metrics, and each service below /api/<service>."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from opsloop.metrics import MergedRegistries

Readiness = Callable[[], Awaitable[Mapping[str, object]]]
"""Says per service why it is not ready; empty when all are."""


def create_root(
    apps: Mapping[str, ASGIApp], registries: Mapping[str, CollectorRegistry], unready: Readiness
) -> Starlette:
    """Return the application that holds all services. It runs no lifespan of theirs: the runner enters each."""
    merged = MergedRegistries(registries)
    page = _page(list(apps))

    async def index(_: Request) -> Response:
        return HTMLResponse(page)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        reasons = await unready()
        if reasons:
            return JSONResponse({"status": "unready", "services": reasons}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(merged), media_type=CONTENT_TYPE_LATEST)

    async def no_metrics_here(request: Request) -> Response:
        problem = {
            "type": "urn:opsloop:problem:not_found",
            "title": "Not found",
            "status": 404,
            "detail": "Metrics of all services are at /metrics.",
            "instance": request.url.path,
        }
        return JSONResponse(problem, status_code=404, media_type="application/problem+json")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            *[Route(f"/api/{name}/metrics", no_metrics_here) for name in apps],
            *[Mount(f"/api/{name}", app) for name, app in apps.items()],
        ]
    )


_ABOUT = {
    "feedback": ("hears what users say", "倾听用户反馈"),
    "metrics": ("measures, and tells when a KPI breaches", "度量指标，KPI 越界即报"),
    "campaigns": ("acts on it", "据此行动"),
    "notifications": ("tells people and machines", "通知人与系统"),
}


def _page(services: list[str]) -> str:
    rows = "\n".join(_row(name) for name in services)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpsLoop</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
td {{ padding: .5rem .75rem .5rem 0; border-top: 1px solid #ddd; vertical-align: top; }}
small {{ color: #666; }}
</style>
<h1>OpsLoop</h1>
<p>Hear, understand, act, tell: everything runs in this process.<br>
<span lang="zh-CN">倾听、理解、行动、告知：全部在这一个进程里运行。</span></p>
<table>
{rows}
</table>
<p><a href="/readyz">readiness · <span lang="zh-CN">就绪</span></a> ·
<a href="/metrics">Prometheus metrics · <span lang="zh-CN">监控指标</span></a></p>
<p><small>Sign in with <code>Authorization: Bearer &lt;key&gt;</code>; the operator's key is in <code>operator.key</code>
of the data directory.<br><span lang="zh-CN">请求需带 <code>Authorization: Bearer &lt;key&gt;</code>；管理员密钥在数据目录的
<code>operator.key</code> 中。</span></small></p>
</html>
"""


def _row(service: str) -> str:
    english, chinese = _ABOUT.get(service, ("", ""))
    base = f"/api/{escape(service)}"
    return (
        f'<tr><td><b>{escape(service)}</b><br><small>{english}<br><span lang="zh-CN">{chinese}</span></small></td>'
        f'<td><a href="{base}/docs">docs · <span lang="zh-CN">文档</span></a></td>'
        f'<td><a href="{base}/openapi.json">openapi.json</a></td>'
        f'<td><a href="{base}/readyz">readyz</a></td></tr>'
    )
