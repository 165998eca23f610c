"""A desk that writes replies in the evening."""

from datetime import timedelta

from opsloop_common.clock import rfc3339
from opsloop_common.testing.due import run_due
from opsloop_feedback.app import SERVICE


class Later:
    """A desk that writes replies in the evening."""

    def __init__(self, clockwork):
        self.clockwork, self.desk = clockwork, clockwork.desk

    async def call(self, method, path, expect=200, headers=None, **options):
        answer = await self.desk.client.request(method, path, headers=self.desk.agent | (headers or {}), **options)
        assert answer.status_code == expect, answer.text
        self.etag = answer.headers.get("etag")
        return answer.json() if answer.content else None

    def ahead(self, **ahead):
        return rfc3339(self.desk.api.clock.now() + timedelta(**ahead))

    async def plan(self, post, expect=201, **fields):
        fields = fields or {"send_at": self.ahead(hours=1)}
        body = {"body": "明天修好。"} | fields
        return await self.call("POST", f"/v1/feedback/{post['id']}/scheduled-replies", expect, json=body)

    async def change(self, reply, expect=200, headers=None, **fields):
        return await self.call("PATCH", f"/v1/scheduled-replies/{reply['id']}", expect, headers, json=fields)

    async def now(self, reply):
        return await self.call("GET", f"/v1/scheduled-replies/{reply['id']}")

    async def work(self, **ahead):
        self.desk.api.clock.advance(timedelta(**ahead).total_seconds())
        await run_due(self.desk.api.db, SERVICE.due)

    async def said(self, post):
        return [one["body"] for one in (await self.desk.get(f"/v1/feedback/{post['id']}/messages"))["items"]]
