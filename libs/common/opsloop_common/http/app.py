"""One service's FastAPI app, made from what it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from opsloop_common.http import cors, docs, probes
from opsloop_common.http.call import call_of
from opsloop_common.http.compression import Compression
from opsloop_common.http.every_service import audit, jobs, keys, parked, user_secrets, workspace
from opsloop_common.http.openapi import describe
from opsloop_common.http.paths import ExactPaths, allowed_methods
from opsloop_common.http.problems import error_response
from opsloop_common.http.shared import Shell
from opsloop_common.http.shell import ShellMiddleware
from opsloop_common.service import Runtime, Service

API_VERSION = "1"  # of the paths' prefix, not of the release: the committed contract changes only when the API does


def create_app(runtime: Runtime, *, with_metrics: bool = True) -> FastAPI:
    """Make the app of `runtime.service`: its routers, the common ones, probes, errors, OpenAPI.

    `with_metrics=False` leaves out `/metrics`, for the all-in-one that answers it once for all services.
    """
    shell = Shell(runtime)
    title = f"OpsLoop {runtime.service.title}"
    has_docs = runtime.settings.docs_access == "open"

    def contract() -> dict[str, Any]:
        return docs.committed_contract(runtime.service.migrations.partition(".")[0]) or app.openapi()

    routes = [*api_routes(runtime.service), *probes.routes(runtime, with_metrics=with_metrics)]
    routes += [*docs.routes(title), docs.contract_route(contract)] if has_docs else []

    app = _Api(
        title=title,
        version=API_VERSION,
        routes=[ExactPaths(routes), *routes],
        openapi_url=None,  # FastAPI's route renders the document for each who asks
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # all of it is ours
        redirect_slashes=False,
    )
    app.state.runtime = runtime
    app.state.shell = shell
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer_error)
    app.add_middleware(Compression)
    _allow_browsers(app, runtime.settings.cors_origins)
    app.add_middleware(cors.Preflights, routes=routes)
    app.add_middleware(ShellMiddleware, shell=shell)
    return app


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the contract, with what the route class does to every route."""
        if not self.openapi_schema:
            self.openapi_schema = describe(super().openapi(), self.routes, self.state.runtime.service.scopes)
        return self.openapi_schema


@cache  # to make the common ones takes 17 ms, nearly all of an app's; they hold nothing but what the service says
def api_routes(service: Service) -> Sequence[BaseRoute]:
    """Return all routes of the API, the service's own first; flat, because an included router matches each path twice."""
    common = [part.router(service) for part in (keys, user_secrets, workspace, audit, parked, jobs)]
    return [route for router in (*service.routers, *common) for route in router.routes]


async def _answer_error(request: Request, error: Exception) -> Response:
    response = error_response(error, request.scope, request_id=call_of(request).request_id)
    if response.status_code == 405:
        # the router knows the methods of the first route that matched only
        response.headers["Allow"] = allowed_methods(request.app.routes, request.scope)
    return response


def _allow_browsers(app: FastAPI, origins: str) -> None:
    wanted = [origin.strip() for origin in origins.split(",") if origin.strip()]
    if not wanted:
        return
    app.add_middleware(
        CORSMiddleware,
        allow_origins=wanted,
        allow_methods=cors.METHODS,
        allow_headers=cors.ASKED,
        expose_headers=cors.SHOWN,
        max_age=cors.PREFLIGHT_SECONDS,
    )
