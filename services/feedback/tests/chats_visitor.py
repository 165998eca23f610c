"""A visitor who chats, as the widget does: for tests of chats."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import httpx

from services.feedback.tests.desks import Clockwork


class Visitor:
    """Somebody on a shop's page, and their one chat."""

    def __init__(self, clockwork: Clockwork, key: dict[str, str]) -> None:
        self.clockwork, self.desk, self.key = clockwork, clockwork.desk, key
        self.origin = {"Origin": "https://shop.example"}
        self.begun: dict[str, Any] = {}
        self.token = ""
        self._keys = count(1)

    @property
    def path(self) -> str:
        """Return the path of the chat."""
        return f"/v1/chats/{self.begun['chat_id']}"

    async def begin(self, body: str = "支付失败了", expect: int = 201, **fields: Any) -> dict[str, Any]:
        """Begin a chat."""
        answer = await self.desk.client.post("/v1/chats", json={"body": body} | fields, headers=self.key | self.origin)
        assert answer.status_code == expect, answer.text
        if expect == 201:
            self.begun = answer.json()
            self.token = self.begun["token"]
        return answer.json()

    async def ask(self, method: str, path: str = "", expect: int = 200, **options: Any) -> httpx.Response:
        """Ask something of the chat with its token."""
        headers = {"Authorization": f"Bearer {self.token}"} | self.origin | options.pop("headers", {})
        answer = await self.desk.client.request(method, self.path + path, headers=headers, **options)
        assert answer.status_code == expect, answer.text
        return answer

    async def say(self, body: str, expect: int = 201, key: str | None = None) -> dict[str, Any]:
        """Say something more."""
        said = {"body": body, "key": key or f"message-{next(self._keys)}"}
        return (await self.ask("POST", "/messages", expect, json=said)).json()

    async def be(self, expect: int = 200, **presence: bool) -> dict[str, Any]:
        """Be there, type or leave, and take the next token."""
        found = (await self.ask("POST", "/presence", expect, json=presence)).json()
        if expect == 200:
            self.token = found["token"]
        return found

    async def look(self) -> dict[str, Any]:
        """Return what the visitor sees."""
        return (await self.ask("GET")).json()

    async def heard(self) -> list[tuple[str, str]]:
        """Return who said what."""
        return [(one["said_by"], one["body"]) for one in (await self.look())["messages"]]

    async def state(self) -> dict[str, Any]:
        """Return how the chat stands."""
        return (await self.look())["state"]

    async def streamed(self, after: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Return what the stream tells now."""
        headers = {"Last-Event-ID": after} if after else {}
        text = (await self.ask("GET", "/stream", headers=headers)).text
        pieces = [
            dict(line.split(": ", 1) for line in piece.splitlines()) for piece in text.split("\n\n") if "data" in piece
        ]
        return [(piece["event"], json.loads(piece["data"])) for piece in pieces]

    async def answer(self, body: str = "马上看", kind: str = "reply", expect: int = 201) -> dict[str, Any]:
        """Have an agent answer."""
        path = f"/v1/feedback/{self.begun['chat_id']}/messages"
        answer = await self.desk.client.post(path, json={"body": body, "kind": kind}, headers=self.desk.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()
