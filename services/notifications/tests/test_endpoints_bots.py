"""Endpoints of bots through their doors: what each format takes, and that its secrets are not shown."""

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import About, about_of
from opsloop_notifications.formats.rules import language_for

URL = "http://127.0.0.1:9/robot/send?access_token=t0ken"
SECRET = "SECofNobodyElse"


async def made(acme, status=201, **fields):
    return await acme.post("/v1/webhooks", status, **{"url": URL, "format": "dingtalk"} | fields)


async def patched(acme, hook, **changes):
    return await acme.service.client.patch(f"/v1/webhooks/{hook['id']}", json=changes, headers=acme.key)


async def column(acme, hook, name):
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        return await session.scalar(text(f"SELECT {name} FROM webhook WHERE id = :id"), {"id": hook["id"]})


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"format": "pagerduty"}, "/bot_secret"),
        ({"format": "slack", "bot_secret": "x"}, "/bot_secret"),
        ({"format": "wecom", "bot_secret": "x"}, "/bot_secret"),
        ({"format": "cloudevents", "bot_secret": "x"}, "/bot_secret"),
        ({"format": "cloudevents", "about": "alerts"}, "/about"),
        ({"format": "alertmanager", "about": "events"}, "/about"),
        ({"about": "nothing"}, "/about"),
        ({"language": "fr"}, "/language"),
        ({"bot_secret": ""}, "/bot_secret"),
        ({"bot_secret": "a b"}, "/bot_secret"),
        ({"bot_secret": "支付"}, "/bot_secret"),
        ({"bot_secret": "a\x00"}, "/bot_secret"),
        ({"bot_secret": "a" * 201}, "/bot_secret"),
        ({"bot_secret": 5}, "/bot_secret"),
        ({"format": "mattermost"}, "/format"),
        ({"about": "alerts", "filter": [{"field": "type", "op": "exists"}]}, "/filter"),
        ({"url": "http://10.0.0.1/"}, "/url"),
    ],
)
async def test_create_refuses(acme, fields, pointer):
    answer = await made(acme, 422, **fields)

    assert [error["pointer"] for error in answer["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("format", "secret"), [("slack", None), ("feishu", None), ("feishu", "x"), ("dingtalk", "x"), ("wecom", None)]
)
async def test_the_address_of_a_bot_is_a_secret(acme, format, secret):
    hook = await made(acme, format=format, bot_secret=secret)
    shown = await acme.get(f"/v1/webhooks/{hook['id']}")

    assert hook["url"] == shown["url"] == "http://127.0.0.1:9/…"
    assert shown["bot_secret"] is (None if secret is None else True)
    assert await column(acme, hook, "url") == URL
    assert "t0ken" not in str(await acme.get("/v1/webhooks")) + str(await acme.get("/v1/audit"))


async def test_the_address_of_a_pager_is_none(acme):
    hook = await made(acme, url="http://127.0.0.1:9/v2/enqueue", format="pagerduty", bot_secret=SECRET)

    assert (hook["url"], hook["bot_secret"]) == ("http://127.0.0.1:9/v2/enqueue", True)
    refused = await patched(acme, hook, bot_secret=None)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/bot_secret"]


async def test_a_bots_secret_is_sealed_and_never_shown(acme):
    hook = await made(acme, bot_secret=SECRET)
    same = await patched(acme, hook, bot_secret=SECRET)
    other = await patched(acme, hook, bot_secret=f"{SECRET}2")
    stays = await patched(acme, hook, description="x")
    gone = await patched(acme, hook, bot_secret=None)

    assert [answer.headers["etag"] for answer in (same, other, stays, gone)] == ['"1"', '"2"', '"3"', '"4"']
    assert [answer.json()["bot_secret"] for answer in (same, other, stays, gone)] == [True, True, True, None]
    seen = str([hook, same.text, other.text, gone.text, await acme.get("/v1/audit")])
    assert SECRET not in seen
    newest = [item for item in (await acme.get("/v1/audit"))["items"] if item["subject"] == f"webhook/{hook['id']}"]
    assert newest[0]["before"] == {"bot_secret": "(secret)"}
    hook = await made(acme, bot_secret=SECRET)
    assert SECRET not in await column(acme, hook, "sealed_bot_secret")
    await acme.service.client.delete(f"/v1/webhooks/{hook['id']}", headers=acme.key)
    assert await column(acme, hook, "sealed_bot_secret") is None


async def test_a_bots_secret_that_is_sent_back_as_shown_stays(acme):
    hook = await made(acme, bot_secret=SECRET)
    before = await column(acme, hook, "sealed_bot_secret")

    same = await patched(acme, hook, bot_secret=hook["bot_secret"])
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    assert await column(acme, hook, "sealed_bot_secret") == before
    for bot, wrong in ((await made(acme), True), (hook, False), (hook, 5)):
        refused = await patched(acme, bot, bot_secret=wrong)
        assert {error["pointer"] for error in refused.json()["errors"]} == {"/bot_secret"}, wrong


async def test_what_was_shown_is_sent_back(acme):
    hook = await made(acme)

    answer = await patched(acme, hook, url=hook["url"], description="x")

    assert (answer.status_code, answer.json()["url"]) == (200, "http://127.0.0.1:9/…")
    assert await column(acme, hook, "url") == URL
    for other in (
        "http://127.0.0.1:8/…",
        "http://[127.0.0.1]/",
    ):  # as that of another is shown; what urlsplit raises for
        refused = await patched(acme, hook, url=other)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/url")
    assert (await patched(acme, hook, url="http://127.0.0.1:9/other")).status_code == 200
    assert await column(acme, hook, "url") == "http://127.0.0.1:9/other"


async def test_an_address_that_was_a_secret_is_not_shown_by_another_format(acme):
    hook = await made(acme)

    refused = await patched(acme, hook, format="cloudevents")
    shown = await patched(acme, hook, format="cloudevents", url=hook["url"])
    another = await patched(acme, hook, format="cloudevents", url="http://127.0.0.1:9/hook")

    assert (refused.status_code, shown.status_code) == (422, 422)
    assert [error["pointer"] for error in (refused.json()["errors"] + shown.json()["errors"])] == ["/url", "/url"]
    assert another.json()["url"] == "http://127.0.0.1:9/hook"
    assert (await patched(acme, hook, format="slack")).json()["url"] == "http://127.0.0.1:9/…"


async def test_a_format_that_can_say_one_only_decides_what_it_is_about(acme):
    hook = await made(acme, format="slack")
    assert hook["about"] == "events"

    alerts = await patched(acme, hook, about="alerts")
    filtered = await patched(acme, hook, filter=[{"field": "type", "op": "exists"}])
    both = await patched(acme, hook, format="wecom")

    assert (alerts.json()["about"], filtered.status_code, both.json()["about"]) == ("alerts", 422, "alerts")
    plain = await patched(acme, acme.hook, format="alertmanager")
    assert plain.json()["about"] == "alerts"
    assert (await patched(acme, acme.hook, format="cloudevents")).json()["about"] == "events"


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh"), ("zh", "zh"), ("en-GB", "en"), ("de", "en"), ("ZH", "zh")]
)
def test_the_language_of_a_locale(locale, language):
    assert language_for(locale) == language


@pytest.mark.parametrize(
    ("format", "wanted", "about"),
    [("slack", None, About.EVENTS), ("slack", "alerts", About.ALERTS), ("alertmanager", None, About.ALERTS)],
)
def test_what_a_format_is_about(format, wanted, about):
    assert about_of(format, wanted) == about


async def test_the_language_is_the_workspaces_unless_it_is_said(acme):
    assert (await made(acme))["language"] == "en"
    answer = await acme.service.client.patch("/v1/workspace", json={"locale": "zh-CN"}, headers=acme.key)
    assert answer.status_code == 200, answer.text

    assert (await made(acme))["language"] == "zh"
    hook = await made(acme, language="en")
    assert (await patched(acme, hook, language="zh")).json()["language"] == "zh"


async def test_bots_that_are_about_alerts_are_told_of_them_and_of_no_events(acme):
    alerts = await made(acme, about="alerts", description="on call")
    events = await made(acme)

    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        told = await endpoints.alert_receivers(session)
        heard = {str(one.id) for one in await endpoints.enabled_webhooks(session)}

    assert [(str(one.id), one.name) for one in told] == [(alerts["id"], "on call")]
    assert heard == {events["id"], acme.hook["id"]}


async def test_routes_and_escalations_name_those_that_are_about_alerts(acme):
    alerts, events = await made(acme, about="alerts"), await made(acme)

    await acme.post("/v1/alert-routes", 201, name="bots", receiver=alerts["id"])
    refused = await acme.post("/v1/alert-routes", 422, name="bots", receiver=events["id"])

    assert refused["errors"][0]["pointer"] == "/receiver"
    steps = [{"after": "PT5M", "targets": [{"kind": "webhook", "id": alerts["id"]}]}]
    await acme.post("/v1/escalation-policies", 201, name="bots", steps=steps)
    steps[0]["targets"][0]["id"] = events["id"]
    refused = await acme.post("/v1/escalation-policies", 422, name="bots", steps=steps)
    assert refused["errors"][0]["pointer"] == "/steps/0/targets/0/id"
