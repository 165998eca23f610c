"""An endpoint is tried with a sample of the type that its owner asks for."""

import json

import pytest


async def refused(acme, path, body):
    answer = await acme.service.client.post(path, json=body, headers=acme.key)
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"][0]


async def test_a_sample_of_the_type_is_sent_as_it_is_previewed(acme, hook, work, until):
    path = f"/v1/webhooks/{acme.hook['id']}"
    shown = json.loads((await acme.post(f"{path}/preview", 200, event_type="kpi.breached"))["body"])
    async with work(acme.service):
        sent = await acme.post(f"{path}/test", event_type="kpi.breached")
        await until(lambda: hook.calls, "a call")
        await until(lambda: acme.only("succeeded"), "recorded")

    headers, body = hook.calls[0]
    document = json.loads(body)
    assert (document["type"], document["data"], document["workspace"]) == (
        "kpi.breached",
        shown["data"],
        shown["workspace"],
    )
    assert headers["webhook-id"] == document["id"] == sent["event_id"]
    assert document["id"] != shown["id"]
    assert sent["event_type"] == "webhook.test"
    assert (await acme.get("/v1/events"))["items"] == []


async def test_each_sample_is_another_delivery(acme):
    path = f"/v1/webhooks/{acme.hook['id']}/test"
    first, second = [await acme.post(path, event_type="kpi.breached") for _ in range(2)]

    assert first["event_id"] != second["event_id"]
    assert len(await acme.deliveries()) == 2


async def test_a_sample_goes_through_the_template(acme, hook, work, until):
    await acme.change(acme.hook, payload_template='{"text": {{ event.type }}}')
    async with work(acme.service):
        await acme.post(f"/v1/webhooks/{acme.hook['id']}/test", event_type="campaign.paused")
        await until(lambda: hook.calls, "a call")

    assert json.loads(hook.calls[0][1]) == {"text": "campaign.paused"}


@pytest.mark.parametrize("body", [None, {}, {"event_type": None}])
async def test_unless_a_type_is_asked_for_it_is_a_test(acme, body):
    answer = await acme.service.client.post(
        f"/v1/webhooks/{acme.hook['id']}/test", headers=acme.key, **({} if body is None else {"json": body})
    )
    assert answer.status_code == 202, answer.text

    shown = await acme.get(f"/v1/deliveries/{answer.json()['id']}")
    assert json.loads(shown["payload"])["type"] == "webhook.test"


async def test_what_is_no_type_or_no_field_is_named(acme):
    path = f"/v1/webhooks/{acme.hook['id']}/test"
    sent = await acme.post(path)

    assert (await refused(acme, path, {"event_type": "kpi.nobody"}))["pointer"] == "/event_type"
    assert (await refused(acme, path, {"event_typ": "kpi.breached"}))["pointer"] == "/event_typ"
    assert (await refused(acme, f"/v1/deliveries/{sent['id']}/resend", {"force": True}))["pointer"] == "/force"
    assert len(await acme.deliveries()) == 1


async def test_one_that_is_told_of_alerts_has_no_event_to_be_tried_with(acme):
    alerted = await acme.post("/v1/webhooks", 201, url="http://127.0.0.1:9/", format="alertmanager")
    answer = await acme.service.client.post(
        f"/v1/webhooks/{alerted['id']}/test", json={"event_type": "kpi.breached"}, headers=acme.key
    )

    assert answer.status_code == 409
    assert await acme.deliveries() == []


@pytest.mark.parametrize("heard", [["campaign.*"], ["feedback.received"]])
async def test_what_it_does_not_hear_is_not_tried(acme, heard):
    await acme.change(acme.hook, event_types=heard)
    path = f"/v1/webhooks/{acme.hook['id']}/test"
    answer = await acme.service.client.post(path, json={"event_type": "kpi.breached"}, headers=acme.key)

    assert answer.status_code == 409
    assert await acme.deliveries() == []
    await acme.change(acme.hook, status="disabled")
    await acme.post(path, event_type="campaign.paused" if heard == ["campaign.*"] else heard[0])


async def test_a_partners_endpoint_is_tried_with_its_own_states_as_it_gets_them(acme, hook, work, until):
    headers = await acme.service.key("notifications:subscribe", source="partner")
    made = await acme.service.client.post("/v1/webhooks", json={"url": hook.url}, headers=headers)
    path = f"/v1/webhooks/{made.json()['id']}/test"

    async def tried(event_type):
        return await acme.service.client.post(path, json={"event_type": event_type}, headers=headers)

    assert (await tried("feedback.assigned")).status_code == 409
    assert (await tried("feedback.received")).status_code == 202
    async with work(acme.service):
        await until(lambda: hook.calls, "a call")
    document = json.loads(hook.calls[0][1])
    assert document["data"].keys() == {"feedback_id", "number", "channel", "source"}
    assert document["data"]["source"] == "partner"
    assert "actor" not in document


@pytest.mark.parametrize(
    ("scopes", "workspace", "status"),
    [
        (("notifications:write",), "acme", 204),  # done, and nothing told to who may not read
        (("notifications:read",), "acme", 403),
        (("notifications:write", "notifications:read"), "other", 404),
    ],
)
async def test_whoever_may_change_it_tries_it(acme, scopes, workspace, status):
    headers = await acme.service.key(*scopes, workspace=workspace)
    path = f"/v1/webhooks/{acme.hook['id']}/test"

    answer = await acme.service.client.post(path, json={"event_type": "kpi.breached"}, headers=headers)

    assert answer.status_code == status, answer.text
    assert len(await acme.deliveries()) == (status == 204)
    assert (await acme.service.client.post(path, json={})).status_code == 401


async def test_a_disabled_endpoint_is_tried_and_what_it_was_tried_with_is_never_recovered(acme, hook, work, until):
    await acme.change(acme.hook, status="disabled")
    hook.answer = 500

    async with work(acme.service):
        sent = await acme.post(f"/v1/webhooks/{acme.hook['id']}/test", event_type="kpi.breached")
        await until(lambda: hook.calls, "a call")

        async def is_told():
            return (await acme.get(f"/v1/deliveries/{sent['id']}"))["attempts"]

        (attempt,) = await until(is_told, "the attempt")
    assert attempt["status_code"] == 500
    document = json.loads(hook.calls[0][1])
    assert (document["workspace"], document["type"]) == ("acme", "kpi.breached")
