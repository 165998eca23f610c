"""A route may read what a caller signs in with in a way of its own; all else of the door stays."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from opsloop_common.http.routing import ApiRoute


class HeaderRoute(ApiRoute):
    """A route whose callers send their token in a header of their own."""

    def credential(self, request: Request) -> str | None:
        return request.headers.get("x-token") or super().credential(request)


def asked(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"authorization": "Bearer t"}, "t"),
        ({"authorization": "bearer  t "}, "t"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Basic t"}, None),
        ({"x_token": "own"}, None),
    ],
)
def test_routes_read_a_bearer_token(headers, expected):
    assert ApiRoute.credential(None, asked(**headers)) == expected


def test_a_route_may_read_something_else():
    route = HeaderRoute.__new__(HeaderRoute)

    assert route.credential(asked(x_token="own", authorization="Bearer t")) == "own"
    assert route.credential(asked(authorization="Bearer t")) == "t"
