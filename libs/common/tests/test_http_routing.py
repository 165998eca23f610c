"""A route may read what a caller signs in with in a way of its own; all else of the door stays."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.requests import Request

from opsloop_common.access.principal import Principal
from opsloop_common.errors import Forbidden
from opsloop_common.http.guards import allow, also_reads, guard_of, tells_own
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


SUBSCRIBE, READ, WRITE = "shop:subscribe", "shop:read", "shop:write"


async def changed() -> None:
    """Stand for an endpoint that changes what is stored."""


def guard(*more, path="/v1/things/{id}", method="PATCH"):
    markers = [each.dependency for each in (allow(WRITE, SUBSCRIBE), tells_own(SUBSCRIBE), *more)]
    return guard_of(path, changed, {method}, markers)


def call_by(*scopes: str) -> SimpleNamespace:
    who = Principal("acme", "key:1", frozenset(scopes), "1", "partner")
    return SimpleNamespace(who=who, is_told=who.has)


@pytest.mark.parametrize(
    ("scopes", "is_told"),
    [
        ((SUBSCRIBE,), True),
        ((SUBSCRIBE, READ), True),
        ((READ, WRITE), True),
        ((WRITE,), False),
        # whoever writes to all is shown none of it: the narrow scope adds nothing
        ((WRITE, SUBSCRIBE), False),
    ],
)
def test_who_is_let_in_to_their_own_alone_is_told_what_they_did(scopes, is_told):
    assert guard().is_told(call_by(*scopes)) is is_told
    if is_told:
        guard(also_reads()).require(call_by(*scopes).who)
    else:
        with pytest.raises(Forbidden, match="shop:read as well"):
            guard(also_reads()).require(call_by(*scopes).who)


def test_others_are_let_in_to_nothing_by_it():
    for scopes in ((), (READ,)):
        with pytest.raises(Forbidden, match="shop:subscribe, shop:write"):
            guard().require(call_by(*scopes).who)
    assert guard(path="/v1/things", method="POST").is_told(call_by(WRITE))
    with pytest.raises(TypeError, match="exactly one"):
        guard(allow(READ))
