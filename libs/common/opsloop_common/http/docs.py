"""The API's own documentation page, with everything it shows served from here: no content network is asked for a script."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from opsloop_common.http.headers import page_policy, source_of

ASSETS = "docs/assets"
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def routes(title: str) -> list[BaseRoute]:
    """Return `/docs` and its assets. All addresses in the page are relative, so it works below any prefix."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
        # a key that is kept in the browser could be read by any script of any page here
        swagger_ui_parameters={"persistAuthorization": False, "displayRequestDuration": True},
    ).body
    text = bytes(page).decode()
    policy = page_policy(
        scripts=["'self'", *map(source_of, _INLINE_SCRIPT.findall(text))],
        styles=["'self'"],
        images=["'self'", "data:"],
        calls=["'self'"],
    )

    async def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(text, headers={"Content-Security-Policy": policy})

    return [*_assets(), Route("/docs", docs, methods=["GET"], include_in_schema=False)]


def contract_route(describe: Callable[[], dict[str, Any]]) -> Route:
    """Return `/openapi.json`, prepared when it is first asked for and kept: 2 ms each time after."""
    rendered: dict[str, tuple[bytes, str]] = {}
    rendering = asyncio.Lock()

    def render(root: str) -> tuple[bytes, str]:
        body = bytes(JSONResponse(describe() | ({"servers": [{"url": root}]} if root else {})).body)
        return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    async def contract(request: Request) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")  # where the app is mounted: ours, always the same
        async with rendering:
            if root not in rendered:
                rendered[root] = await asyncio.to_thread(render, root)
        body, etag = rendered[root]
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return Response(body, headers={"ETag": etag, "Cache-Control": "no-cache"}, media_type="application/json")

    return Route("/openapi.json", contract, methods=["GET"], include_in_schema=False)


def committed_contract(package: str) -> dict[str, Any] | None:
    """Return the contract that was committed with the service of that package, None where it has none.

    To make it from the code takes up to 1.5 s of the processor, which all who are served meanwhile would wait for.
    """
    inside = Path(str(resources.files(package)))  # a wheel has it in the package, a checkout beside it
    places = [folder / "openapi.json" for folder in (inside, inside.parent)]
    return next((json.loads(file.read_bytes()) for file in places if file.is_file()), None)


def _assets() -> list[Route]:
    return [
        Route(f"/{ASSETS}/{name}", _asset(*_read(name)), methods=["GET"], include_in_schema=False) for name in _FILES
    ]


def _asset(content: bytes, kind: str, etag: str) -> Callable[[Request], Awaitable[Response]]:
    """Answer from memory: threads that read a file for each of 40 callers kept the loop waiting for 0.3 s."""
    headers = {"ETag": etag, "Cache-Control": "no-cache"}  # a browser keeps it, and asks whether it is still the same

    async def asset(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return asset


@cache
def _read(name: str) -> tuple[bytes, str, str]:
    # only the files that the package ships are wanted, not its app factory
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("fastapi-offline is not installed")
    content = (Path(spec.origin).parent / "static" / name).read_bytes()
    return content, _FILES[name], f'"{hashlib.sha256(content).hexdigest()[:32]}"'
