"""Endpoints are asked for their consent before they are called, and after their address changes."""

import pytest
from aiohttp import web

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import ports_of
from opsloop_common.ids import uuid7
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.asking.timers import HANDSHAKE
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.conftest import Acme


@pytest.fixture
async def acme(api, hook):
    settings = settings_for_tests(
        NotificationsSettings, outbound_allow="127.0.0.0/8", port=1, public_url="https://ops.example.com/x"
    )
    service = await api(SERVICE, settings)
    return Asking(Acme(service, await service.key()), hook)


class Asking:
    """An endpoint that is asked, and what it says."""

    def __init__(self, acme, hook):
        self.acme, self.hook, self.says, self.status, self.path = acme, hook, {"WebHook-Allowed-Origin": "*"}, 200, ""
        hook.answer = self.answer

    async def answer(self, request):
        return web.Response(status=self.status, headers=self.says) if request.method == "OPTIONS" else web.Response()

    async def create(self, **fields):
        made = await self.acme.post("/v1/webhooks", 201, url=self.hook.url, handshake=True, **fields)
        self.acme.hook, self.path = made, f"/v1/webhooks/{made['id']}"
        return made

    async def ask(self):
        await run_due(self.acme.service.db, [HANDSHAKE])
        return await self.now()

    async def now(self):
        found = await self.acme.get(self.path)
        return found["status"], found["disabled_reason"]

    def asked(self):
        return [headers for headers, body in self.hook.calls if "webhook-signature" not in headers]

    async def patch(self, expected=200, **fields):
        answer = await self.acme.service.client.patch(self.path, json=fields, headers=self.acme.key)
        assert answer.status_code == expected, answer.text
        return answer.json()


def pause():
    return make_event(CampaignPaused(campaign_id=uuid7(), name="n"))


async def test_it_is_disabled_until_it_consents_and_each_call_says_who_asked(acme, work, until):
    made = await acme.create()
    await acme.acme.happen(pause())
    refused = await acme.acme.service.client.post(f"{acme.path}/test", headers=acme.acme.key)

    assert (made["status"], made["disabled_reason"], made["consented_at"]) == ("disabled", "asking", None)
    assert (refused.status_code, acme.hook.calls) == (409, [])
    assert await acme.ask() == ("enabled", None)
    (asked,) = acme.asked()
    assert (asked["webhook-request-origin"], "webhook-request-rate" in asked) == ("ops.example.com", False)
    async with work(acme.acme.service, dispatch_webhooks):
        await acme.acme.happen(pause())
        await acme.acme.post(f"{acme.path}/test")
        await until(lambda: len(acme.hook.calls) == 3, "called")
    assert {headers["webhook-request-origin"] for headers, _ in acme.hook.calls} == {"ops.example.com"}
    actions = [entry["action"] for entry in (await acme.acme.get("/v1/audit"))["items"]]
    assert actions[:2] == ["webhook.consented", "webhook.created"]


@pytest.mark.parametrize(
    ("says", "why"),
    [({}, "no WebHook-Allowed-Origin"), ({"WebHook-Allowed-Origin": "other.example.com"}, "another origin")],
)
async def test_without_consent_it_stays_disabled_and_says_why(acme, says, why):
    await acme.create()
    acme.says = says

    assert await acme.ask() == ("disabled", "refused")
    assert why in (await acme.acme.get(acme.path))["refused_detail"]
    acme.says = {"WebHook-Allowed-Origin": "ops.example.com"}
    assert (await acme.patch(status="enabled"))["disabled_reason"] == "asking"
    assert await acme.ask() == ("enabled", None)
    assert (await acme.acme.get(acme.path))["refused_detail"] is None


async def test_the_status_of_the_answer_is_no_consent_and_no_refusal(acme):
    acme.status = 405
    await acme.create()

    assert await acme.ask() == ("enabled", None)


async def test_what_may_not_be_called_is_not_asked(acme):
    await acme.create()
    ports_of(acme.acme.service.runtime, NotificationsPorts).outbound.policy = AddressPolicy()

    assert await acme.ask() == ("disabled", "refused")
    assert acme.hook.calls == []


async def test_the_rate_that_it_allows_is_its_rate(acme):
    acme.says |= {"WebHook-Allowed-Rate": "30"}
    await acme.create(rate_limit=5)

    assert await acme.ask() == ("enabled", None)
    assert (await acme.acme.get(acme.path))["allowed_rate"] == 30
    assert acme.asked()[0]["webhook-request-rate"] == "300"


async def test_another_address_is_asked_anew(acme):
    await acme.create()
    await acme.ask()
    await acme.acme.happen(pause())

    changed = await acme.patch(url=f"{acme.hook.url}/other")

    assert (changed["status"], changed["disabled_reason"], changed["consented_at"]) == ("disabled", "asking", None)
    assert {item["status"] for item in await acme.acme.deliveries()} == {"cancelled"}
    await acme.patch(url=f"{acme.hook.url}/third")
    assert await acme.ask() == ("enabled", None)


async def test_what_it_says_to_an_address_that_is_its_no_longer_is_not_heard(acme):
    await acme.create()
    await acme.patch(status="disabled")

    assert await acme.ask() == ("disabled", "manual")
    await acme.patch(status="enabled")
    answer = await acme.acme.service.client.delete(acme.path, headers=acme.acme.key)
    assert answer.status_code == 204
    assert await run_due(acme.acme.service.db, [HANDSHAKE]) == 1


async def test_it_may_be_asked_no_more(acme):
    await acme.create()

    assert (await acme.patch(handshake=False))["disabled_reason"] == "manual"
    assert (await acme.patch(status="enabled"))["status"] == "enabled"
    assert (await acme.patch(handshake=True))["disabled_reason"] == "asking"


async def test_bots_are_not_asked(acme):
    await acme.create()

    refused = await acme.patch(422, format="slack", url=acme.hook.url)

    assert refused["errors"][0]["pointer"] == "/handshake"


async def test_without_a_public_address_nobody_can_ask(service, hook):
    body = {"url": hook.url, "handshake": True}
    refused = await service.client.post("/v1/webhooks", json=body, headers=await service.key())

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/handshake")
