"""An endpoint that gets the events of each stream one after the other."""

import json
from uuid import uuid4

from aiohttp import web

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.deliveries.rules import WAITS_SECONDS

ACME = Context(workspace="acme")
ONE, TWO = uuid4(), uuid4()


def pause(name, sequence, of=ONE):
    return make_event(CampaignPaused(campaign_id=of, name=name), sequence=sequence)


def row(count, of=ONE, first=1):
    """Return events of one stream, named by their places."""
    return [pause(str(place), place, of) for place in range(first, first + count)]


def names(hook):
    return [json.loads(body)["data"]["name"] for _, body in hook.calls]


class Fifo:
    """The lines of an endpoint, and who refuses what."""

    def __init__(self, acme, hook, until):
        self.acme, self.hook, self.until = acme, hook, until
        self.path, self.refused, self.headers = f"/v1/webhooks/{acme.hook['id']}/lines", set(), {}
        hook.answer = self.answer

    async def answer(self, request):
        name = json.loads(await request.read())["data"]["name"]
        return web.Response(status=500, headers=self.headers) if name in self.refused else web.Response()

    async def lines(self, **query):
        items = (await self.acme.service.client.get(self.path, params=query, headers=self.acme.key)).json()["items"]
        return {line["stream"].rpartition("/")[2]: line for line in items}

    async def line(self, of=ONE):
        return (await self.lines()).get(str(of))

    async def act(self, action, of=ONE, expected=204, line_id=None):
        line_id = line_id or (await self.line(of))["id"]
        url = f"{self.path}/{line_id}/{action}"
        answer = await self.acme.service.client.post(url, headers=self.acme.key)
        assert answer.status_code == expected, answer.text
        self.acme.advance(0)

    async def delivery(self, name):
        for item in await self.acme.deliveries(limit=200):
            payload = (await self.acme.get(f"/v1/deliveries/{item['id']}"))["payload"]
            if json.loads(payload)["data"]["name"] == name:
                return item
        return None

    async def was_called(self, *expected, within=10):
        await self.until(lambda: names(self.hook) == list(expected), f"{expected}, not {names(self.hook)}", within)

    async def use_up(self, name):
        """Let the clock run until a delivery that is refused was tried as often as any."""
        for tries in range(1, len(WAITS_SECONDS) + 2):
            await self.until(lambda n=tries: names(self.hook).count(name) == n, f"{tries} tries of {name}")
            await self.until(lambda n=tries: self._recorded(name, n), "recorded")
            self.acme.advance(13 * 3600)

    async def _recorded(self, name, tries):
        return (await self.delivery(name))["attempt_count"] == tries

    async def is_over(self):
        return not await self.lines() and not await self.acme.deliveries(status="pending")
