"""Routes for end users: they are told what they changed, and an answer that goes on knows when it must end."""

from dataclasses import replace

import pytest
from fastapi import Request

from opsloop_common.http.lasting import is_still_signed_in
from opsloop_common.http.routing import ApiRouter, allow, users
from opsloop_common.service import Slice
from opsloop_common.testing.sample.service import SAMPLE

router = ApiRouter()
PATH = "/v1/own/{user_id}"


@router.post(PATH, dependencies=[allow("sample:write"), users()])
async def change_own(user_id: str) -> dict[str, str]:
    """Change something of a person's."""
    return {"changed": user_id}


@router.get(PATH, dependencies=[allow("sample:read"), users()])
async def show_own(user_id: str, request: Request) -> dict[str, bool]:
    """Show whether the one who asks may go on, now and an hour later."""
    now = await is_still_signed_in(request)
    request.app.state.runtime.clock.advance(3600)
    return {"now": now, "later": await is_still_signed_in(request)}


@pytest.fixture
async def sample(api):
    return await api(replace(SAMPLE, slices=(*SAMPLE.slices, Slice("own", routers=(router,)))))


async def test_an_end_user_is_told_and_a_key_without_read_is_not(sample):
    answers = [
        await sample.client.post("/v1/own/u1", headers=headers)
        for headers in (
            await sample.user("u1"),
            await sample.key("sample:write", "sample:read"),
            await sample.key("sample:write"),
        )
    ]

    assert [(answer.status_code, answer.content) for answer in answers] == [
        (200, b'{"changed":"u1"}'),
        (200, b'{"changed":"u1"}'),
        (204, b""),
    ]


async def test_whose_token_ended_may_not_go_on(sample):
    user = await sample.client.get("/v1/own/u1", headers=await sample.user("u1"))
    key = await sample.client.get("/v1/own/u1", headers=await sample.key("sample:read"))

    assert user.json() == {"now": True, "later": False}
    assert key.json() == {"now": True, "later": True}


async def test_pages_may_send_the_id_of_the_last_event(sample):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}

    answer = await sample.client.options("/v1/own/u1", headers=asked)

    assert "Last-Event-ID" in answer.headers["access-control-allow-headers"].split(", ")
