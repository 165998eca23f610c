"""The API's own documentation page, with everything it shows served from here: no content network is asked for a script."""

from __future__ import annotations

import re
from importlib.util import find_spec
from os import PathLike, stat_result
from pathlib import Path

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from opsloop_common.http.headers import page_policy, source_of

ASSETS = "docs/assets"
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

    return [
        Mount(f"/{ASSETS}", _Assets(directory=_assets()), name="docs_assets"),
        Route("/docs", docs, methods=["GET"], include_in_schema=False),
    ]


class _Assets(StaticFiles):
    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file that browsers may keep, as long as they ask whether it is still the same."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _assets() -> Path:
    # only the files that the package ships are wanted, not its app factory
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("fastapi-offline is not installed")
    return Path(spec.origin).parent / "static"
