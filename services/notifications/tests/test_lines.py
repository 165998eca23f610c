"""Where a line stands, and how it goes on: by itself, skipped, resumed, and parked by hand."""

import asyncio
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from sqlalchemy import text

from opsloop_notifications.sending.timers import dispatch_webhooks
from services.notifications.tests.fifo import ACME, ONE, TWO, names, pause, row


async def test_it_stands_where_the_tries_are_used_up_until_it_is_skipped_or_resumed(acme, hook, fifo, work):
    fifo.refused = {"2"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(3))
        await fifo.use_up("2")
        failed, line = await fifo.delivery("2"), await fifo.line()
        await acme.happen(*row(1, first=4), pause("other", 1, TWO))
        await fifo.until(lambda: "other" in names(hook), "the other stream")
        stood, parked = names(hook), await fifo.lines(status="parked")
        await fifo.act("resume")
        await fifo.until(lambda: names(hook).count("2") == 9, "tried again")
        await fifo.act("resume", expected=409)
        await fifo.act("skip", expected=409)
        await fifo.until(lambda: tried(fifo, "2", 9), "recorded")
        await fifo.act("park")
        await fifo.act("skip")
        await fifo.until(fifo.is_over, "over")

    assert (failed["status"], failed["failure"], failed["attempt_count"]) == ("failed", "http_error", 8)
    assert (line["status"], line["reason"], line["waiting"]) == ("parked", "failed", 1)
    assert (line["delivery_id"], line["event_id"]) == (failed["id"], failed["event_id"])
    assert line["event_type"] == "campaign.paused"
    assert not {"3", "4"} & set(stood), "nothing of its stream goes past it"
    assert list(parked) == [str(ONE)]
    assert names(hook)[-2:] == ["3", "4"]
    assert (await fifo.delivery("2"))["status"] == "cancelled"


async def tried(fifo, name, times):
    return (await fifo.delivery(name))["attempt_count"] == times


async def test_what_stands_is_skipped(acme, hook, fifo, work):
    fifo.refused = {"1"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(2))
        await fifo.use_up("1")
        await fifo.act("skip")
        await fifo.until(fifo.is_over, "over")

    assert names(hook) == ["1"] * 8 + ["2"]
    assert (await fifo.delivery("1"))["status"] == "failed"


async def test_it_is_parked_by_hand_with_nothing_lost(acme, hook, fifo, work):
    await acme.happen(*row(2), pause("other", 1, TWO))
    await fifo.act("park")
    await fifo.act("park", expected=409)
    async with work(acme.service, dispatch_webhooks):
        await fifo.until(lambda: names(hook) == ["other"], "the other stream")
        line = await fifo.line()
        await fifo.act("resume")
        await fifo.until(fifo.is_over, "over")

    assert (line["status"], line["reason"], line["waiting"]) == ("parked", "manual", 2)
    assert names(hook) == ["other", "1", "2"]
    audited = [entry["action"] for entry in (await acme.get("/v1/audit"))["items"]]
    assert [action for action in audited if "line" in action] == ["webhook.line_resumed", "webhook.line_parked"]


async def test_what_is_in_flight_when_it_is_parked_ends(acme, hook, fifo, work, until):
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    hook.answer = hang
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(2))
        await until(lambda: hook.calls, "in flight")
        await fifo.act("park")
        release.set()
        await until(lambda: acme.deliveries(status="succeeded"), "ended")
        acme.advance(60)
        assert (await fifo.line())["waiting"] == 1
        await fifo.act("resume")
        await until(fifo.is_over, "over")

    assert names(hook) == ["1", "2"]


async def test_lines_are_those_of_the_endpoint(acme, fifo):
    await acme.happen(*row(1))
    other = await acme.post("/v1/webhooks", 201, url=acme.hook["url"], event_types=["kpi.*"])
    line_id = (await fifo.line())["id"]
    fifo.path = f"/v1/webhooks/{other['id']}/lines"

    assert await fifo.lines() == {}
    for action in ("park", "skip", "resume"):
        await fifo.act(action, expected=404, line_id=line_id)


async def test_what_it_stands_at_may_be_past_its_retention(acme, fifo):
    await acme.happen(*row(2))
    await fifo.act("park")
    line_id = UUID((await fifo.line())["id"])
    async with acme.service.db.transaction(ACME) as session:
        await session.execute(
            text("UPDATE delivery_line SET reason = 'failed', delivery_id = :gone WHERE id = :id"),
            {"id": line_id, "gone": uuid4()},
        )

    assert (await fifo.line())["delivery_id"] is None
    await fifo.act("resume", expected=410)
    await fifo.act("skip")
    assert (await fifo.line())["status"] == "moving"


@pytest.mark.parametrize("change", [{"format": "alertmanager"}, {"format": "slack", "about": "alerts"}])
async def test_alerts_have_no_streams(acme, fifo, change):
    path = f"/v1/webhooks/{acme.hook['id']}"
    answer = await acme.service.client.patch(path, json=change, headers=acme.key)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/ordering")
    refused = await acme.service.client.post(
        "/v1/webhooks", json={"url": acme.hook["url"], "ordering": "stream"} | change, headers=acme.key
    )
    assert refused.json()["errors"][0]["pointer"] == "/ordering"


async def test_what_fails_for_good_while_its_line_is_parked_is_what_it_stands_at(acme, hook, fifo, work, until):
    await acme.happen(*row(2))
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(status=500)

    async with acme.service.db.transaction(ACME) as session:
        await session.execute(text("UPDATE delivery_queue SET tries = 7 WHERE due_at IS NOT NULL"))
    hook.answer = hang
    async with work(acme.service, dispatch_webhooks):
        await until(lambda: hook.calls, "in flight")
        await fifo.act("park")
        release.set()
        await until(lambda: acme.deliveries(status="failed"), "failed")
        line, failed = await fifo.line(), await fifo.delivery("1")
        hook.answer = 200
        await fifo.act("resume")
        await until(fifo.is_over, "over")

    assert (line["status"], line["reason"], line["delivery_id"], line["waiting"]) == (
        "parked",
        "failed",
        failed["id"],
        1,
    )
    assert names(hook) == ["1", "1", "2"]


async def test_lines_are_paged_newest_first_and_filtered(acme, fifo):
    streams = [uuid4() for _ in range(5)]
    for stream in streams:
        await acme.happen(*row(2, stream))
    await fifo.act("park", streams[2])

    first = await acme.get(f"{fifo.path}?limit=3")
    second = await acme.get(f"{fifo.path}?limit=3&cursor={first['next_cursor']}")

    found = [line["stream"].rpartition("/")[2] for line in first["items"] + second["items"]]
    assert found == [str(stream) for stream in streams[::-1]]
    assert second["next_cursor"] is None
    assert list(await fifo.lines(status="parked")) == [str(streams[2])]
    assert len(await fifo.lines(status="moving")) == 4


async def test_nothing_goes_on_while_the_endpoint_is_disabled(acme, fifo):
    await acme.happen(*row(1))
    await fifo.act("park")
    async with acme.service.db.transaction(ACME) as session:
        await session.execute(text("UPDATE webhook SET status = 'disabled', disabled_reason = 'failing'"))

    await fifo.act("resume", expected=409)

    assert (await fifo.line())["status"] == "parked"
