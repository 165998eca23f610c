"""Paths below a service, wherever it is mounted."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from urllib.parse import unquote

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


def service_path(scope: Scope) -> str:
    """Return the request's path below the service, without the prefix that the service is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def is_addressed(scope: Scope, path: str) -> bool:
    """Say whether a request may mean a route: behind an id that takes the rest (`{id:path}/refunds`) only slashes that were sent divide."""
    end = path.partition(":path}")[2]
    return not end or scope["type"] != "http" or ends_as_sent(scope, end)


def ends_as_sent(scope: Scope, end: str) -> bool:
    """Say whether the path ends so with the slashes that were sent as such: `%2F` belongs to an id, and divides nothing.

    A parameter stands for whatever was sent there.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    sent, meant = raw.decode("latin-1").rsplit("/", end.count("/"))[1:], end.split("/")[1:]
    return len(sent) == len(meant) and all(
        one.startswith("{") or unquote(part) == one for part, one in zip(sent, meant, strict=True)
    )


def relative_location(location: str, scope: Scope) -> str:
    """Return a path below the service as a reference relative to the request, which holds behind any prefix."""
    return posixpath.relpath(location, posixpath.dirname(service_path(scope)))


def allowed_methods(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """Return the methods that the request's path takes, over all routes, as an `Allow` header has them."""
    path = service_path(scope)
    found = {
        method
        for route in routes
        if isinstance(route, Route) and route.path_regex.match(path)
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))


class ExactPaths(BaseRoute):
    """Finds routes without path parameters by one look-up; the router would try each pattern in turn."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = {
            (method, route.path): route
            for route in reversed(routes)  # so that the first of two wins, as it does in the router
            if isinstance(route, Route) and "{" not in route.path
            for method in route.methods or ()
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as the route itself would."""
        if scope["type"] != "http":
            return Match.NONE, {}
        route = self._routes.get((scope["method"], service_path(scope)))
        if route is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": route.endpoint, "path_params": {}, "route": route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the route that was found."""
        await scope["route"].handle(scope, receive, send)
