"""Endpoints whose payloads a template makes: what is sent and signed, what is kept of it, and what comes of one that fails."""

import asyncio
import json
import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.payloads.rules import Faulty
from opsloop_notifications.payloads.service import PayloadWriter
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.signing.rules import read_keys, sign

TEMPLATE = '{"text": "{{ event.type }}: {{ event.data.name }}", "id": {{ event.data.campaign_id }}}'
LACKING = '{"text":\n {{ event.data.nobody }}}'
DEAR = '{"a":"' + "{{ event.type }}" * 900 + '"}'
URL = "http://127.0.0.1:9/hook"


def paused(name="n", **how):
    return make_event(CampaignPaused(campaign_id=uuid4(), name=name), **how)


async def delivery(acme):
    (item,) = await acme.deliveries()
    return await acme.get(f"/v1/deliveries/{item['id']}")


async def outbox(acme, kind):
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        found = await session.scalars(text("SELECT payload FROM outbox WHERE type = :kind"), {"kind": kind})
        return [json.loads(each)["data"] for each in found]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"payload_template": "{{ event.type"}, "line 1"),
        ({"payload_template": '{"a":\n{% nothing %}}'}, "line 2"),
        ({"payload_template": TEMPLATE, "format": "slack"}, "cloudevents"),
        ({"payload_template": TEMPLATE, "format": "alertmanager"}, "cloudevents"),
        ({"payload_template": ""}, ""),
        ({"payload_template": "x" * (limits.PAYLOAD_TEMPLATE_CHARACTERS + 1)}, ""),
        ({"payload_template": "a\x00"}, ""),
        ({"payload_template": 5}, ""),
    ],
)
async def test_what_is_no_template_is_refused(acme, fields, says):
    made = await acme.service.client.post(
        "/v1/webhooks", json={"url": URL, "event_types": ["*"]} | fields, headers=acme.key
    )
    changed = await acme.service.client.patch(f"/v1/webhooks/{acme.hook['id']}", json=fields, headers=acme.key)

    for answer in (made, changed):
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["pointer"]) == (422, "/payload_template")
        assert says in error["detail"]


async def test_it_is_kept_changed_and_taken_away(acme):
    made = await acme.post("/v1/webhooks", 201, url=URL, event_types=["*"], payload_template=TEMPLATE)
    path = f"/v1/webhooks/{made['id']}"

    assert made["payload_template"] == (await acme.get(path))["payload_template"] == TEMPLATE
    bot = await acme.service.client.patch(path, json={"format": "slack"}, headers=acme.key)
    assert (bot.status_code, bot.json()["errors"][0]["pointer"]) == (422, "/payload_template")
    await acme.change(made, payload_template=None)
    assert (await acme.get(path))["payload_template"] is None
    await acme.change(made, format="slack", url="http://127.0.0.1:9/other")
    assert "event.data.name" not in str((await acme.get("/v1/audit"))["items"])


async def test_what_is_sent_is_made_signed_and_kept(acme, hook, work, until):
    await acme.change(acme.hook, payload_template=TEMPLATE)
    event = paused('say "hi"')

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(event)
        await until(lambda: acme.only("succeeded"), "the record")

    ((headers, body),) = hook.calls
    assert json.loads(body) == {"text": 'campaign.paused: say "hi"', "id": str(event.data["campaign_id"])}
    assert (headers["content-type"], headers["webhook-id"]) == ("application/json", str(event.id))
    key = read_keys(acme.hook["secret"])
    assert headers["webhook-signature"] == sign(key, str(event.id), int(headers["webhook-timestamp"]), body)
    found = await delivery(acme)
    assert found["payload"] == found["attempts"][0]["payload"] == body.decode()


async def test_without_one_an_attempt_keeps_nothing_twice(acme, hook, work, until):
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(paused())
        await until(lambda: acme.only("succeeded"), "the record")

    found = await delivery(acme)
    assert (found["attempts"][0]["payload"], found["payload"]) == (None, hook.calls[0][1].decode())


async def test_each_attempt_has_what_it_sent(acme, hook, work, until):
    hook.answer = 500
    await acme.change(acme.hook, payload_template='{"v": 1}')

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(paused())
        await until(lambda: hook.calls, "the first call")
        hook.answer = 200
        await acme.change(acme.hook, payload_template='{"v": 2}')
        await until(lambda: acme.only("pending"), "the record")
        acme.advance(10)
        await until(lambda: acme.only("succeeded"), "the second call")

    found = await delivery(acme)
    assert [attempt["payload"] for attempt in found["attempts"]] == ['{"v":2}', '{"v":1}']
    assert found["payload"] == '{"v":2}'


async def test_what_cannot_be_made_ends_without_a_call_and_is_told(acme, hook, work, until):
    await acme.change(acme.hook, payload_template=LACKING)
    event = paused()

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(event)
        await until(lambda: acme.only("failed"), "the end")

    found = await delivery(acme)
    (attempt,) = found["attempts"]
    assert hook.calls == []
    assert (found["failure"], found["next_attempt_at"]) == ("template_failed", None)
    assert (attempt["status_code"], attempt["request_headers"], attempt["payload"]) == (None, {}, None)
    assert attempt["detail"] == "payload_template, line 2: the data has no event.data.nobody"
    (told,) = await outbox(acme, "webhook.exhausted")
    assert (told["failure"], told["event_id"]) == ("template_failed", str(event.id))


async def test_a_better_template_lets_it_go_out(acme, hook, work, until):
    await acme.change(acme.hook, payload_template=LACKING)

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(paused())
        failed = await until(lambda: acme.only("failed"), "the end")
        await acme.change(acme.hook, payload_template=TEMPLATE)
        await acme.post(f"/v1/deliveries/{failed['id']}/resend")
        await until(lambda: acme.only("succeeded"), "the resend")

    assert json.loads(hook.calls[0][1])["text"] == "campaign.paused: n"


async def test_a_line_stands_where_its_first_cannot_be_made(acme, hook, work, until):
    await acme.change(acme.hook, payload_template=LACKING, ordering="stream")
    campaign = uuid4()
    first, second = (
        make_event(CampaignPaused(campaign_id=campaign, name="n"), sequence=sequence) for sequence in (1, 2)
    )

    async def line():
        found = await acme.get(f"/v1/webhooks/{acme.hook['id']}/lines?status=parked")
        return found["items"]

    async with work(acme.service, dispatch_webhooks):
        await acme.happen(first, second)
        ((standing),) = await until(line, "the line stands")
        assert (standing["event_id"], standing["waiting"]) == (str(first.id), 1)
        await acme.change(acme.hook, payload_template=TEMPLATE)
        resumed = await acme.service.client.post(
            f"/v1/webhooks/{acme.hook['id']}/lines/{standing['id']}/resume", headers=acme.key
        )
        assert resumed.status_code == 204
        await until(lambda: len(hook.calls) == 2, "both")

    assert [headers["webhook-id"] for headers, _ in hook.calls] == [str(first.id), str(second.id)]


async def test_a_test_is_written_by_it_too(acme, hook, work, until):
    await acme.change(acme.hook, payload_template='{"t": {{ event.type }}}')

    async with work(acme.service, dispatch_webhooks):
        await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")
        await until(lambda: acme.only("succeeded"), "the test")

    assert json.loads(hook.calls[0][1]) == {"t": "webhook.test"}


async def test_the_newest_twenty_attempts_show_what_they_sent(acme, work, until):
    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(
            text(
                "INSERT INTO delivery (id, workspace, webhook_id, event_id, event_type, document, status, attempt_count, created_at) "
                "VALUES (:id, 'acme', :hook, :id, 'campaign.paused', '{}', 'failed', 30, now())"
            ),
            {"id": (made := uuid4()), "hook": acme.hook["id"]},
        )
        await session.execute(
            text(
                "INSERT INTO delivery_attempt (id, workspace, delivery_id, number, attempted_at, duration_ms, request_headers, payload) "
                "SELECT gen_random_uuid(), 'acme', :id, n, now(), 1, '{}', CAST(n AS text) FROM generate_series(1, 30) AS n"
            ),
            {"id": made},
        )

    found = await acme.get(f"/v1/deliveries/{made}")

    shown = [attempt["payload"] for attempt in found["attempts"]]
    assert shown == [str(n) for n in range(30, 10, -1)] + [None] * 10
    assert found["payload"] == "30"


async def test_dear_templates_keep_neither_the_loop_nor_their_neighbours_waiting():
    writer, document, gaps = PayloadWriter(), b'{"type": "kpi.breached"}', []

    async def watch():
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - started)

    watching = asyncio.create_task(watch())
    greedy = [asyncio.create_task(writer.write(DEAR, document, workspace="greedy")) for _ in range(30)]
    await asyncio.sleep(0)  # all of them wait
    modest = await writer.write('{"a": 1}', document, workspace="modest")
    left = sum(not task.done() for task in greedy)
    for task in greedy:
        assert len(await task) > 10_000
    watching.cancel()

    assert modest == b'{"a":1}'
    assert left > 25, "it waited for more than the one at work, and the next"
    assert sorted(gaps)[int(len(gaps) * 0.99)] < 0.05


async def test_who_is_stopped_gives_the_place_back():
    writer, document = PayloadWriter(), b'{"type": "kpi.breached"}'
    tasks = [asyncio.create_task(writer.write(DEAR, document, workspace="acme")) for _ in range(3)]
    await asyncio.sleep(0)

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert await writer.write("1", document, workspace="acme") == b"1"
    with pytest.raises(Faulty):
        await writer.write("{", document, workspace="acme")
    assert await writer.write("2", document, workspace="other") == b"2"
