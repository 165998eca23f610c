"""What a demo made at somebody else's OpsLoop is taken away again, however the story ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest

from opsloop.demo.instance import Instance
from opsloop.demo.shop import SERVICES, Disappointed, send, signed_in

LISTS = ("playbooks", "objectives", "kpis", "insights", "segments", "webhooks", "recipients", "campaigns")


class House:
    """Stands in for an OpsLoop: lists, of which items are deleted by their last step, and campaigns with a status."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, str]] = {}
        self.things: dict[str, dict[str, dict[str, str]]] = {name: {} for name in LISTS}
        self.refuses_keys_after = len(SERVICES)

    def answer(self, request: httpx.Request) -> httpx.Response:
        _, _, service, _, name, *rest = request.url.raw_path.decode().partition("?")[0].split("/")
        if name == "api-keys":
            return self._of_keys(service, request, rest)
        things = self.things[name]
        if request.method == "GET":
            return httpx.Response(200, json={"items": list(things.values())})
        if request.method == "DELETE":
            return httpx.Response(204 if things.pop(httpx.URL(f"http://x/{rest[0]}").path[1:], None) else 404)
        things[rest[0]]["status"] = orjson.loads(request.content)["status"]
        return httpx.Response(200, json=things[rest[0]])

    def _of_keys(self, service: str, request: httpx.Request, rest: list[str]) -> httpx.Response:
        if request.method == "DELETE":
            del self.keys[rest[0]]
            return httpx.Response(204)
        if request.method == "GET":
            assert request.url.params["workspace"] == "demo-1"
            return httpx.Response(200, json={"items": [key for key in self.keys.values() if key["service"] == service]})
        if len(self.keys) >= self.refuses_keys_after:
            return httpx.Response(503)
        id = f"key-of-{service}"
        self.keys[id] = {"id": id, "service": service}
        return httpx.Response(201, json={"key": id})


@pytest.fixture
def house(monkeypatch) -> House:
    made = House()

    def client(base: str, key: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=base, transport=httpx.MockTransport(made.answer))

    monkeypatch.setattr("opsloop.demo.shop._client", client)
    return made


@asynccontextmanager
async def visiting(house: House, *, is_guest: bool = True) -> AsyncIterator[None]:
    async with signed_in(Instance("http://house.test", "operator"), "demo-1", is_guest=is_guest):
        house.things["playbooks"] = {"p1": {"id": "p1"}}
        house.things["kpis"] = {"one": {"key": "one"}, "two": {"key": "two"}}
        for name in ("objectives", "insights", "segments"):
            house.things[name] = {f"{name}-1": {"id": f"{name}-1"}}
        house.things["webhooks"] = {"w1": {"id": "w1"}}
        house.things["recipients"] = {id: {"user_id": id} for id in ("u1", "org/alice", "用户 1")}
        house.things["campaigns"] = {status: {"id": status, "status": status} for status in ("running", "finished")}
        yield


def is_empty(house: House) -> bool:
    campaigns = house.things.pop("campaigns").values()
    return not any(house.things.values()) and not house.keys and {item["status"] for item in campaigns} == {"archived"}


async def test_after_a_good_end(house):
    async with visiting(house):
        assert len(house.keys) == len(SERVICES)

    assert is_empty(house)


@pytest.mark.parametrize("end", [Disappointed("no webhook"), asyncio.CancelledError()], ids=["a bad end", "Ctrl-C"])
async def test_after_any_other(house, end):
    with pytest.raises(type(end)):
        async with visiting(house):
            raise end

    assert is_empty(house)


async def test_keys_made_before_one_was_refused_end_too(house):
    house.refuses_keys_after = 2
    with pytest.raises(Disappointed, match="503"):
        async with visiting(house):
            pass

    assert not house.keys


async def test_what_is_kept_stays(house):
    async with visiting(house, is_guest=False):
        pass

    assert len(house.keys) == len(SERVICES)
    assert all(house.things.values())


async def test_an_answer_without_a_body_is_none():
    answers = httpx.MockTransport(lambda _: httpx.Response(204))
    async with httpx.AsyncClient(base_url="http://house.test", transport=answers) as client:
        assert await send(client, "DELETE", "/v1/kpis/one") == {}
