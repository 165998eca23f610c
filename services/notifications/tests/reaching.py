"""A workspace that reaches people through channels, and providers that hold it to their protocols."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from opsloop_notifications.calling.timers import dispatch_calls
from opsloop_notifications.calls.service import QUEUE_TABLE
from services.notifications.tests.bots import SECRETS, Bot

CHATS = ("slack", "teams", "feishu", "dingtalk", "wecom")
SIGNED = ("feishu", "dingtalk")
WORDS = [{"locale": "en", "chat": {"title": "Hello {{ name }}", "body": "It is done.", "url": "https://shop.test/a"}}]


class Reaching:
    """Short ways to the doors of channels, and what became of messages."""

    def __init__(self, service: Any, key: dict[str, str], hook: Any, until: Any) -> None:
        self.service, self.key, self.hook, self.until = service, key, hook, until
        self.channel: dict[str, Any] = {}

    async def call(self, method: str, path: str, body: Any = None, status: Any = (200, 201, 202, 204)) -> Any:
        answer = await self.service.client.request(method, path, json=body, headers=self.key)
        allowed = (status,) if isinstance(status, int) else tuple(status)
        assert answer.status_code in allowed, answer.text
        return answer.json() if answer.content else None

    async def add(self, kind: str, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.call("POST", "/v1/channels", {"kind": kind, "name": kind} | fields)
        return made

    async def chat(
        self, kind: str, *, most: int = 1_000, secret: Any = ..., access: str = "t0ken", **fields: Any
    ) -> Bot:
        """Add a chat, and what answers as its makers do; `u1` is in it."""
        right = SECRETS.get(kind) if kind in SIGNED else None
        bot = Bot(kind, self.service.clock.now, secret=right, most=most)
        self.hook.answer = bot.answer
        given = right if secret is ... else secret
        body = {"url": f"{self.hook.url}?access_token={access}", "rate_limit": 1_000} | fields
        self.channel = await self.add(kind, **body | ({"secret": given} if given else {}))
        await self.contact("u1", kind="chat", channel_id=self.channel["id"])
        return bot

    async def contact(self, user: str, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.call("POST", f"/v1/recipients/{user}/contacts", fields)
        return made

    async def say(self, *users: str, channels: Any = ("chat",), contents: Any = None, **fields: Any) -> str:
        body = {"user_ids": list(users), "channels": list(channels), "contents": contents or WORDS} | fields
        body.setdefault("data", {"name": "Ann"})
        return str((await self.call("POST", "/v1/messages", body, 201))["id"])

    async def rows(self, message: str) -> dict[tuple[str, str], dict[str, Any]]:
        found = await self.call("GET", f"/v1/messages/{message}/notifications?limit=200")
        return {(row["user_id"], row["channel"]): row for row in found["items"]}

    async def row(self, message: str) -> dict[str, Any]:
        (only,) = (await self.rows(message)).values()
        return only

    async def attempts(self, message: str) -> list[dict[str, Any]]:
        row = await self.row(message)
        found = await self.call("GET", f"/v1/notifications/{row['id']}/attempts")
        return list(found["items"])

    async def ended(self, message: str, **within: float) -> dict[str, Any]:
        """Return the one notification of a message, once it is over."""

        async def is_over() -> Any:
            row = await self.row(message)
            return row if row["status"] != "pending" else None

        row: dict[str, Any] = await self.until(is_over, "the end of it", **within)
        return row

    async def tried(self, message: str, count: int = 1) -> list[dict[str, Any]]:
        """Return what was tried, once so many calls are written down."""

        async def are_there() -> Any:
            found = await self.attempts(message)
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = await self.until(are_there, f"{count} attempts")
        return found

    def advance(self, by: timedelta | float) -> None:
        self.service.clock.advance(by.total_seconds() if isinstance(by, timedelta) else by)
        self.service.db.wakeups.fire(QUEUE_TABLE)


def said_to(bot: Bot) -> str:
    """Return all that a bot showed, as text."""
    return json.dumps(bot.taken, ensure_ascii=False)


__all__ = ["CHATS", "SIGNED", "WORDS", "Reaching", "dispatch_calls", "said_to"]
