"""A workspace that asks how satisfied authors are, and authors who have nothing but the link."""

import re
from urllib.parse import urlsplit

from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.csat.consumers import RESOLVED

PUBLIC = "https://ops.example.test"
LI = {"email": "li@example.test"}


class Asking:
    """A workspace that asks, and authors who have nothing but the link."""

    def __init__(self, desk):
        self.desk, self.clock = desk, desk.api.clock

    async def say(self, expect=200, headers=None, **fields):
        answer = await self.desk.client.patch(
            "/v1/csat-settings", json=fields, headers=self.desk.agent | (headers or {})
        )
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def work(self, minutes=0):
        """Let time pass, and the worker hear what happened and do what is due."""
        self.clock.advance(minutes * 60)
        await deliver(self.desk.api.db, RESOLVED, *await self.desk.api.events())
        await run_due(self.desk.api.db, SERVICE.due)

    async def resolve(self, id, **fields):
        await self.desk.patch(id, status="resolved", **fields)
        await self.work()

    async def asked(self):
        return [event.data for event in await self.desk.api.events() if event.type == "reply.requested"]

    async def rated(self):
        return [event for event in await self.desk.api.events() if event.type == "feedback.rated"]

    def link(self, question):
        [url] = re.findall(r"https://\S+", question["body"])
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == PUBLIC
        return f"{parts.path}?{parts.query}"

    async def asked_link(self, minutes=60, **fields):
        item = await self.desk.post(author=fields.pop("author", LI), **fields)
        await self.resolve(item["id"])
        await self.work(minutes)
        return item, self.link((await self.asked())[-1])

    async def open(self, link, status=200):
        answer = await self.desk.client.get(link)
        assert answer.status_code == status, answer.text
        return answer

    async def send(self, link, score, comment="", status=200, **options):
        answer = await self.desk.client.post(link, data={"score": score, "comment": comment}, **options)
        assert answer.status_code == status, answer.text
        return answer.text

    async def said(self, **params):
        return (await self.desk.get("/v1/csat-responses", **params))["items"]
