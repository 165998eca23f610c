"""The page behind the link of a mail: GET shows, POST acts, once, and only on that alert."""

import re

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.service import erase_people
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.watching import DUE, Watch, lasting, over


@pytest.fixture
async def watch(api):
    settings = settings_for_tests(NotificationsSettings, public_url="http://testserver", port=1)
    service = await api(SERVICE, settings)
    made = Watch(service, await service.key(), None)
    for user in ("ann", "ben"):
        await made.call("PUT", f"/v1/recipients/{user}", 201, email=f"{user}@example.test", locale="en")
    steps = [
        {"after": "PT0S", "targets": [{"kind": "user", "id": "ann"}, {"kind": "user", "id": "ben"}]},
        {"after": "PT5M", "targets": [{"kind": "user", "id": "ann"}]},
    ]
    await made.call("POST", "/v1/escalation-policies", 201, name="all", steps=steps)
    both = {"summary": "it is <down>", "summary_zh": "宕机", "value": "1"}
    await made.post(lasting(made, "<b>Down</b>", kpi="支付") | {"annotations": both})
    await run_due(service.db, DUE)
    return made


async def links(watch):
    """Return the links that were mailed, in order."""
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        bodies = [
            contents[0]["body"] for contents in await session.scalars(text("SELECT contents FROM message ORDER BY id"))
        ]
    return [re.search(r"http://testserver(/p/acme/alerts/open)\?link=(\S+)$", body).groups() for body in bodies]


async def opened(watch, link):
    """Press the button of a link; returns the page that it leads to."""
    path, secret = link
    answer = await watch.service.client.post(path, data={"link": secret})
    assert answer.status_code == 303, answer.text
    return answer.url.join(answer.headers["location"]).path


async def pressed(watch, page):
    shown = await watch.service.client.get(page)
    token = re.search(r'name="form_token" value="([^"]+)"', shown.text)
    return await watch.service.client.post(page, data={"form_token": token[1] if token else "none"})


async def acknowledged(watch):
    [alert] = await watch.listed()
    return alert["acknowledged_at"] is not None


async def test_whoever_scans_mails_acknowledges_nothing(watch):
    for path, secret in await links(watch):
        for _ in range(2):
            answer = await watch.service.client.get(path, params={"link": secret})
            assert (answer.status_code, "Open · 打开" in answer.text) == (200, True)

    assert not await acknowledged(watch)


async def test_two_presses_acknowledge_and_stop_the_escalation(watch):
    ann, ben = await links(watch)
    page = await opened(watch, ann)
    shown = await watch.service.client.get(page)
    assert "&lt;b&gt;Down&lt;/b&gt;" in shown.text
    assert "<b>Down" not in shown.text
    assert "<li>summary: it is &lt;down&gt; · 宕机</li><li>value: 1</li>" in shown.text
    assert "kpi: 支付" in shown.text
    assert not await acknowledged(watch)
    assert (await pressed(watch, page)).status_code == 303
    assert await acknowledged(watch)
    assert "Somebody sees to it. · 已有人认领。" in (await watch.service.client.get(page)).text
    await watch.pass_by(600, step=300)
    assert len(await links(watch)) == 2

    page = await opened(watch, ben)
    assert "<button>" not in (await watch.service.client.get(page)).text
    [alert] = await watch.listed()
    [entry] = [
        one for one in (await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"] if one["kind"] == "acknowledged"
    ]
    assert (entry["note"], entry["actor"], alert["acknowledged_by"]) == ("by a link", "user:ann", "user:ann")
    told = [event.actor for event in await watch.service.events() if event.type == "alert.acknowledged"]
    assert told == ["user:ann"]


async def test_a_link_acts_for_whom_it_was_sent_to_and_for_nobody_else(watch):
    ann, ben = await links(watch)
    pages = [await opened(watch, link) for link in (ann, ben)]
    alert, message = pages[1].split("/")[-2:]
    strange = f"/p/acme/alerts/{alert}/{'0' * 8}{message[8:]}"
    assert (await watch.service.client.get(strange)).status_code == 404
    await pressed(watch, pages[1])

    assert [one["acknowledged_by"] for one in await watch.listed()] == ["user:ben"]


async def test_of_who_is_erased_meanwhile_no_name_is_left(watch):
    ann, _ = await links(watch)
    page = await opened(watch, ann)
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        await erase_people(session, ["ann"])
    await pressed(watch, page)

    assert [one["acknowledged_by"] for one in await watch.listed()] == ["system"]


async def test_a_link_opens_once_and_within_a_week(watch):
    ann, ben = await links(watch)
    await opened(watch, ann)
    path, secret = ann
    assert (await watch.service.client.post(path, data={"link": secret})).status_code == 404
    watch.service.clock.advance(7 * 24 * 3600)

    path, secret = ben
    assert (await watch.service.client.post(path, data={"link": secret})).status_code == 404


async def test_what_has_ended_is_shown_and_cannot_be_taken(watch):
    ann, _ = await links(watch)
    page = await opened(watch, ann)
    shown = await watch.service.client.get(page)
    token = re.search(r'name="form_token" value="([^"]+)"', shown.text)[1]
    await watch.post(over(watch, "<b>Down</b>", kpi="支付"))

    assert "It has ended. · 已结束。" in (await watch.service.client.get(page)).text
    assert (await watch.service.client.post(page, data={"form_token": token})).status_code == 303
    assert not await acknowledged(watch)


async def test_a_page_is_of_its_own_alert_and_form(watch):
    ann, _ = await links(watch)
    page = await opened(watch, ann)
    await watch.post(lasting(watch, "other"))
    other = next(alert for alert in await watch.listed() if alert["name"] == "other")
    own = page.split("/")[-2]
    beside = page.replace(own, other["id"])

    assert (own != other["id"], (await watch.service.client.get(beside)).status_code) == (True, 404)
    assert (await watch.service.client.get(page.replace("acme", "other"))).status_code == 404
    assert (await watch.service.client.post(page, data={"form_token": "forged"})).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await watch.service.client.post(page, data={}, headers=foreign)).status_code == 403
    watch.service.client.cookies.clear()
    assert (await watch.service.client.get(page)).status_code == 404
    assert not any(alert["acknowledged_at"] for alert in await watch.listed())
