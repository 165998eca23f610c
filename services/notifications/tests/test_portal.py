"""Links to an endpoint's page: who makes them, how long they open, and what ends them."""

import asyncio
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.receiving import Receiver


@pytest.fixture
async def receiver(api):
    settings = settings_for_tests(
        NotificationsSettings, outbound_allow="127.0.0.0/8", public_url="http://testserver", port=1
    )
    service = await api(SERVICE, settings)
    made = Receiver(service, await service.key(), None)
    made.hook = await made.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/hook", event_types=["*"])
    return made


def path_of(receiver, what="portal-link"):
    return f"/v1/webhooks/{receiver.hook['id']}/{what}"


async def test_a_link_says_what_it_opens_and_until_when(receiver):
    default = await receiver.call("POST", path_of(receiver), 201)
    wider = await receiver.link(["pause", "view", "pause", "resend"], expires_in="P7D")

    assert urlsplit(default["url"]).path == "/p/acme/webhooks/open"
    assert re.fullmatch(r"link=[0-9a-f]{32}\.[0-9a-f]{64}", urlsplit(default["url"]).query)
    assert default["can"] == ["view"]
    assert wider["can"] == ["view", "resend", "pause"]
    tomorrow = receiver.service.clock.now() + timedelta(days=1)
    assert default["expires_at"].startswith(f"{tomorrow:%Y-%m-%dT%H:%M}")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"expires_in": "P7DT1S"}, "/expires_in"),
        ({"expires_in": "PT59S"}, "/expires_in"),
        ({"expires_in": 60}, "/expires_in"),
        ({"can": []}, "/can"),
        ({"can": ["delete"]}, "/can/0"),
        ({"can": ["view"] * 5}, "/can"),
        ({"can": "view"}, "/can"),
        ({"until": "P1D"}, "/until"),
    ],
)
async def test_what_no_link_may_be(receiver, body, pointer):
    answer = await receiver.browser.post(path_of(receiver), json=body, headers=receiver.key)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_who_may_make_and_end_links(receiver):
    service, client = receiver.service, receiver.browser
    for scopes, made, ended in (
        (("notifications:read",), 403, 403),
        (("notifications:write",), 403, 204),  # the page shows what is stored
        (("notifications:read", "notifications:write"), 201, 204),
    ):
        key = await service.key(*scopes)
        assert (await client.post(path_of(receiver), headers=key)).status_code == made
        assert (await client.delete(path_of(receiver, "portal-links"), headers=key)).status_code == ended
    other = await service.key(workspace="other")
    assert (await client.post(path_of(receiver), headers=other)).status_code == 404
    assert (await client.delete(path_of(receiver, "portal-links"), headers=other)).status_code == 404
    assert (await client.post(path_of(receiver))).status_code == 401


async def test_without_a_public_address_there_is_no_link(service):
    bare = Receiver(service, await service.key(), None)
    bare.hook = await bare.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/hook")

    problem = await bare.call("POST", path_of(bare), 409)

    assert "OPSLOOP_PUBLIC_URL" in problem["detail"]


async def test_looking_at_a_link_opens_nothing_and_pressing_opens_once(receiver):
    link = await receiver.link()
    for _ in range(2):
        shown = await receiver.browser.get(link["url"])
        assert (shown.status_code, "set-cookie" in shown.headers) == (200, False)
    answers = await asyncio.gather(*(receiver.press(link) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 7
    [opened] = [answer for answer in answers if answer.status_code == 303]
    assert opened.headers["location"] == f"/p/acme/webhooks/{receiver.hook['id']}/view-resend-rotate-pause"
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Max-Age=3600"} <= set(cookie.split("; "))


async def test_a_link_ends_by_its_time_and_a_page_within_the_hour(receiver):
    short = await receiver.link(expires_in="PT1H")
    default = await receiver.link()
    receiver.service.clock.advance(3600)
    assert (await receiver.press(short)).status_code == 404
    receiver.page = (await receiver.press(default)).headers["location"]
    await receiver.see()
    receiver.service.clock.advance(3599)
    await receiver.see()
    receiver.service.clock.advance(1)

    await receiver.see(expected=404)


async def test_all_links_of_an_endpoint_end_together(receiver):
    other = Receiver(receiver.service, receiver.key, None)
    other.hook = await receiver.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/other")
    await other.open(["view"])
    unused = [await receiver.link(can) for can in (["view"], ["rotate"], ["resend", "pause"])]
    await receiver.open()
    await receiver.see()

    await receiver.call("DELETE", path_of(receiver, "portal-links"), 204)

    await receiver.see(expected=404)
    for link in unused:
        assert (await receiver.press(link)).status_code == 404
    await other.see()
    [ended] = [row for _, action, row in await receiver.audited() if action == "webhook.portal_links_revoked"]
    assert ended["after"] == {"ended": 4}
    await receiver.open()
    await receiver.see()


async def test_where_there_are_no_links_none_end(receiver):
    for _ in range(2):
        await receiver.call("DELETE", path_of(receiver, "portal-links"), 204)
    gone = {"id": receiver.hook["id"].replace("-", "")[::-1]}
    await receiver.call("DELETE", f"/v1/webhooks/{gone['id']}/portal-links", 404)


async def test_with_the_endpoint_its_pages_end(receiver):
    unused = await receiver.link()
    await receiver.open()
    await receiver.call("DELETE", f"/v1/webhooks/{receiver.hook['id']}", 204)

    await receiver.see(expected=404)
    opened = await receiver.press(unused)
    if opened.status_code == 303:
        receiver.page = opened.headers["location"]
        await receiver.see(expected=404)


async def test_a_page_is_of_its_own_endpoint_rights_and_workspace(receiver):
    service = receiver.service
    hook = await receiver.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/other")
    page = await receiver.open(["view"])

    for beside in (
        page.replace(receiver.hook["id"], hook["id"]),
        page.replace("/view", "/view-rotate"),
        page.replace("/view", "/view-resend-rotate-pause"),
        page.replace("/view", "/rotate"),
        page.replace("/view", "/"),
        page.replace("acme", "other"),
        page.replace(receiver.hook["id"], "not-an-id"),
    ):
        assert (await receiver.browser.get(beside)).status_code in (404, 422), beside
    receiver.browser.cookies.clear()
    await receiver.see(expected=404)
    assert (await receiver.browser.get(page, headers=await service.key())).status_code == 404


async def test_what_is_told_of_links_in_the_audit_log_is_no_link(receiver):
    link = await receiver.link(["rotate"])

    [(actor, _, row)] = [each for each in await receiver.audited() if each[1] == "webhook.portal_link_made"]
    secret = link["url"].partition("?link=")[2]
    assert (actor, row["after"]["can"]) == ("key", ["view", "rotate"])
    assert secret.partition(".")[0] == row["after"]["link"].replace("-", "")
    assert secret.partition(".")[2] not in str(row)
