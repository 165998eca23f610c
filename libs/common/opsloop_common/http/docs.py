"""The API's own documentation page, with everything it shows served from here: no content network is asked for a script."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

ASSETS = "docs/assets"


def routes(title: str) -> list[BaseRoute]:
    """Return `/docs` and its assets. All addresses in the page are relative, so it works below any prefix."""

    async def docs(_: Request) -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=title,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
            swagger_ui_parameters={"persistAuthorization": True, "displayRequestDuration": True},
        )

    return [
        Mount(f"/{ASSETS}", StaticFiles(directory=_assets()), name="docs_assets"),
        Route("/docs", docs, methods=["GET"], include_in_schema=False),
    ]


def _assets() -> Path:
    # only the files that the package ships are wanted, not its app factory
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("fastapi-offline is not installed")
    return Path(spec.origin).parent / "static"
