"""A receiver of webhooks with a browser, and the link that its sender made."""

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.portal.rules import Right
from opsloop_notifications.sending.consumers import WEBHOOKS

ACME = Context(workspace="acme")
ALL = [str(right) for right in Right]


def pause(name="x"):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name))


class Receiver:
    """Whoever gets an endpoint's calls, and their browser."""

    def __init__(self, service, key, hook):
        self.service, self.key, self.hook, self.page = service, key, hook, None

    @property
    def browser(self):
        return self.service.client

    async def call(self, method, path, expected=200, key=None, **body):
        answer = await self.browser.request(method, path, headers=key or self.key, json=body or None)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    async def link(self, can=None, **fields):
        path = f"/v1/webhooks/{self.hook['id']}/portal-link"
        return await self.call("POST", path, 201, can=can or ALL, **fields)

    async def press(self, link):
        """Press the button of a link; returns the answer."""
        path, _, secret = link["url"].removeprefix("http://testserver").partition("?link=")
        return await self.browser.post(path, data={"link": secret})

    async def open(self, can=None):
        """Open a new link; from here on `page` is where it leads."""
        answer = await self.press(await self.link(can))
        assert answer.status_code == 303, answer.text
        self.page = answer.headers["location"]
        return self.page

    async def see(self, path="", expected=200, headers=None, **query):
        answer = await self.browser.get(f"{self.page}{path}", params=query or None, headers=headers)
        assert answer.status_code == expected, answer.text
        return answer.text

    async def act(self, path, seen="", **fields):
        """Press a button with the token of the page on which it stands."""
        token = re.search(r'name="form_token" value="([^"]+)"', await self.see(seen))
        given = {"form_token": token[1] if token else "none"} | fields
        return await self.browser.post(f"{self.page}{path}", data=given)

    async def said(self, path, seen="", **fields):
        """Press a button; returns the notice of the page to which it leads."""
        answer = await self.act(path, seen, **fields)
        assert answer.status_code == 303, answer.text
        shown = await self.browser.get(answer.url.join(answer.headers["location"]))
        assert shown.status_code == 200, shown.text
        return re.search(r'role="status">([^<]+)<', shown.text)[1]

    async def happen(self, *names):
        await deliver(self.service.db, WEBHOOKS, *(pause(name) for name in names))

    async def deliveries(self):
        found = await self.call("GET", f"/v1/webhooks/{self.hook['id']}/deliveries")
        return found["items"]

    async def run(self, statement, **given):
        async with self.service.db.transaction(ACME) as session:
            await session.execute(text(statement), given)

    async def end(self, delivery_id, status, failure=None):
        """Have a delivery ended without a call."""
        await self.run("DELETE FROM delivery_queue WHERE id = :id", id=UUID(delivery_id))
        await self.run(
            "UPDATE delivery SET status = :status, failure = :failure, next_attempt_at = NULL, finished_at = :now WHERE id = :id",
            id=UUID(delivery_id), status=status, failure=failure, now=self.service.clock.now(),
        )  # fmt: skip

    async def answered(
        self, delivery_id, number=1, status=500, failure="http_error", body=None, headers='{"a": "b"}', sent=None
    ):
        """Have an attempt recorded."""
        await self.run(
            "INSERT INTO delivery_attempt (id, workspace, delivery_id, number, attempted_at, duration_ms, status_code, failure, "
            "request_headers, response_body, payload) VALUES (:attempt, 'acme', :id, :number, :at, 1234, :status, :failure, "
            "CAST(:headers AS jsonb), :body, :sent)",
            attempt=uuid4(), id=UUID(delivery_id), number=number, at=datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
            status=status, failure=failure, headers=headers, body=body, sent=sent,
        )  # fmt: skip

    async def audited(self):
        """Return who did what to the endpoint, oldest first."""
        path = f"/v1/audit?subject=webhook/{self.hook['id']}&limit=200"
        return [
            (row["actor"].partition(":")[0], row["action"], row)
            for row in (await self.call("GET", path))["items"][::-1]
        ]

    async def by_link(self):
        return [action for actor, action, _ in await self.audited() if actor == "link"]
