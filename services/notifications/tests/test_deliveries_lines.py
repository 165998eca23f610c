"""Deliveries that go one after the other: by sequence, whatever fails, is sent again, or crashes."""

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from uuid import uuid4

import pytest
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver
from opsloop_notifications.recoveries.timers import RECOVER
from opsloop_notifications.retention.timers import FORGET_OLD
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.timers import dispatch_webhooks
from services.notifications.tests.fifo import ACME, ONE, TWO, names, pause, row

DAY = 86_400


async def test_those_of_a_stream_come_one_after_the_other_by_sequence(acme, hook, fifo, work, until):
    at_once, most, order = defaultdict(int), defaultdict(int), defaultdict(list)

    async def answer(request: web.Request) -> web.Response:
        told = json.loads(await request.read())
        key = told["partitionkey"]
        at_once[key] += 1
        most[key] = max(most[key], at_once[key])
        order[key].append(told["sequence"])
        await asyncio.sleep(0)
        at_once[key] -= 1
        return web.Response()

    hook.answer = answer
    streams = [uuid4() for _ in range(5)]
    async with work(acme.service, dispatch_webhooks):
        for first in (1, 6, 11):
            await acme.happen(*(event for each in streams for event in row(5, each, first)))
        await until(fifo.is_over, "all of them", 30)

    assert set(map(tuple, order.values())) == {tuple(range(1, 16))}
    assert len(order) == 5
    assert set(most.values()) == {1}
    assert {item["status"] for item in await acme.deliveries(limit=200)} == {"succeeded"}


async def test_what_fails_is_tried_again_before_what_is_behind_it_and_others_go_on(acme, fifo, work):
    fifo.refused = {"2"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(4))
        await fifo.was_called("1", "2")
        await acme.happen(pause("other", 1, TWO))
        await acme.happen(*row(1, first=5))
        await fifo.was_called("1", "2", "other")
        line = await fifo.line()
        waiting = {item["next_attempt_at"] for item in await acme.deliveries(status="pending")}
        fifo.refused = set()
        acme.advance(10)
        await fifo.was_called("1", "2", "other", "2", "3", "4", "5")
        await fifo.until(fifo.is_over, "over")

    assert (line["status"], line["waiting"], line["reason"]) == ("moving", 4, None)
    assert len(waiting) == 2, "of four only the first has a time"
    assert None in waiting


async def test_sending_what_it_stands_at_again_is_going_on(acme, hook, fifo, work):
    fifo.refused = {"1"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(2))
        await fifo.use_up("1")
        fifo.refused = set()
        await acme.post(f"/v1/deliveries/{(await fifo.delivery('1'))['id']}/resend")
        await fifo.until(fifo.is_over, "over")

    assert names(hook) == ["1"] * 9 + ["2"]


async def test_an_endpoint_that_wants_no_more_of_one_gets_the_next(acme, hook, fifo, work):
    fifo.refused, fifo.headers = {"1"}, {"webhook-delivery": "abort-message"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(2))
        await fifo.until(fifo.is_over, "over")

    assert names(hook) == ["1", "2"]


async def test_what_is_sent_again_goes_before_what_waits(acme, hook, fifo, work):
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(2))
        await fifo.until(fifo.is_over, "over")
    hook.calls.clear()
    await acme.happen(*row(3, first=3))
    for name in ("2", "1"):
        await acme.post(f"/v1/deliveries/{(await fifo.delivery(name))['id']}/resend")
    async with work(acme.service, dispatch_webhooks):
        await fifo.until(fifo.is_over, "over")

    assert names(hook) == ["1", "2", "3", "4", "5"]


async def test_what_ends_with_the_endpoint_leaves_no_line_and_is_recovered_in_order(acme, hook, fifo, work, until):
    since = acme.service.clock.now().isoformat()
    fifo.refused = {"1"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(1))
        await fifo.use_up("1")
        await acme.happen(*row(2, first=2))
        assert {line["status"] for line in (await fifo.lines()).values()} == {"parked"}
        await acme.change(acme.hook, status="disabled")
        assert await fifo.lines() == {}
        await acme.happen(*row(2, first=4))
        await acme.change(acme.hook, status="enabled")
        hook.calls.clear()
        fifo.refused = set()
        job = await acme.post(f"/v1/webhooks/{acme.hook['id']}/recover", since=since)
        await until(lambda: recovered(acme, job), "recovered", 30)
        await until(fifo.is_over, "over")

    assert names(hook) == ["1", "2", "3", "4", "5"]


async def recovered(acme, job):
    await run_due(acme.service.db, [RECOVER])
    acme.advance(1)
    return (await acme.get(f"/v1/jobs/{job['job_id']}"))["finished_at"]


async def test_a_crash_leaves_the_order_and_nothing_behind(acme, hook, fifo, work):
    fifo.refused = {"2"}
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(3))
        await fifo.was_called("1", "2")
    fifo.refused = set()
    await acme.happen(*row(1, first=4))
    acme.advance(10)
    async with work(acme.service, dispatch_webhooks):
        await fifo.until(fifo.is_over, "over")

    assert names(hook) == ["1", "2", "2", "3", "4"]


async def test_of_many_at_once_each_line_has_one_that_is_due(acme, fifo):
    await asyncio.gather(*(acme.happen(pause(str(place), place)) for place in range(1, 21)))

    async with acme.service.db.transaction(ACME) as session:
        due, all = (await session.execute(text("SELECT count(due_at), count(*) FROM delivery_queue"))).one()
        assert (due, all) == (1, 20)
    with pytest.raises(IntegrityError, match="uq_delivery_queue_first_of_line"):
        async with acme.service.db.transaction(ACME) as session:
            await session.execute(text("UPDATE delivery_queue SET due_at = now()"))


async def test_what_stands_for_as_long_as_events_are_kept_ends_with_what_waits(acme, fifo):
    await acme.happen(*row(3))
    await fifo.act("park")
    acme.advance(31 * DAY)
    await acme.happen(*row(1, TWO))

    assert await run_recurring(acme.service.db, [FORGET_OLD])

    assert list(await fifo.lines()) == [str(TWO)]
    assert sorted(item["status"] for item in await acme.deliveries()) == ["cancelled"] * 3 + ["pending"]


async def test_tests_and_what_was_planned_before_go_at_once(acme, hook, fifo, work):
    await acme.change(acme.hook, ordering="none")
    await acme.happen(*row(2))
    await acme.change(acme.hook, ordering="stream")
    await acme.happen(*row(2, first=3))
    await acme.post(f"/v1/webhooks/{acme.hook['id']}/test")

    async with acme.service.db.transaction(ACME) as session:
        found = await session.execute(text("SELECT due_at IS NULL FROM delivery_queue WHERE line_id IS NOT NULL"))
        assert sorted(found.scalars()) == [False, True]
        assert await session.scalar(text("SELECT count(*) FROM delivery_queue WHERE line_id IS NULL")) == 3


@pytest.mark.parametrize("quickly", [True, False])
async def test_both_ways_to_hear_an_event_come_to_the_same(acme, hook, fifo, quickly):
    at_once = await acme.post("/v1/webhooks", 201, url=hook.url, event_types=["*"])
    way = WEBHOOKS if quickly else replace(WEBHOOKS, quick_handler=None)
    events = [*row(2), pause("other", 1, TWO), pause("3", 3)]

    assert await deliver(acme.service.db, way, *events) == 4
    assert await deliver(acme.service.db, way, *events, pause("4", 4)) == 1

    waiting = {line["stream"]: (line["waiting"], line["status"]) for line in (await fifo.lines()).values()}
    assert waiting == {f"campaigns:campaign/{ONE}": (4, "moving"), f"campaigns:campaign/{TWO}": (1, "moving")}
    assert await due(acme) == [(1, True), (1, True), (2, False), (3, False), (4, False)]
    assert len(await acme.deliveries_of(at_once)) == 5


async def due(acme):
    """Return the places of what is in lines, and whether it may be claimed."""
    async with acme.service.db.transaction(ACME) as session:
        rows = await session.execute(
            text("SELECT place, due_at IS NOT NULL FROM delivery_queue WHERE line_id IS NOT NULL ORDER BY 1, 2")
        )
        return [tuple(each) for each in rows]


async def test_one_that_comes_late_goes_before_those_that_wait(acme, hook, fifo, work):
    await acme.happen(pause("1", 1), pause("4", 4), pause("3", 3))
    await acme.happen(pause("2", 2))
    async with work(acme.service, dispatch_webhooks):
        await fifo.until(fifo.is_over, "over")

    assert names(hook) == ["1", "2", "3", "4"]


async def test_first_attempts_that_are_held_back_keep_the_order(acme, hook, fifo, work, until):
    hook.answer = 500
    others = [uuid4() for _ in range(12)]
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*(pause("other", 1, of) for of in others))
        await until(lambda: len(hook.calls) == 12, "the circuit is open")
        await acme.happen(*row(3))
        hook.answer = 200
        await until(lambda: is_over_later(acme, fifo), "over")

    assert [name for name in names(hook) if name != "other"] == ["1", "2", "3"]


async def is_over_later(acme, fifo):
    acme.advance(5)
    return await fifo.is_over()


async def test_what_is_claimed_for_an_endpoint_that_ended_leaves_no_line(acme, hook, fifo, work, until):
    await acme.happen(*row(2), *row(2, TWO))
    async with acme.service.db.transaction(ACME) as session:
        await session.execute(text("UPDATE webhook SET status = 'disabled', disabled_reason = 'manual'"))
    async with work(acme.service, dispatch_webhooks):
        await until(fifo.is_over, "over")

    assert {item["status"] for item in await acme.deliveries()} == {"cancelled"}
    assert hook.calls == []


async def test_without_an_order_again_what_waits_in_lines_still_keeps_it(acme, hook, fifo, work):
    await acme.happen(*row(3))
    await acme.change(acme.hook, ordering="none")
    await acme.happen(pause("4", 4))
    async with work(acme.service, dispatch_webhooks):
        await fifo.until(fifo.is_over, "over")

    assert sorted(names(hook)) == ["1", "2", "3", "4"]
    assert [name for name in names(hook) if name != "4"] == ["1", "2", "3"]


async def test_what_is_in_flight_is_not_sent_twice_by_a_resend(acme, hook, fifo, work, until):
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    hook.answer = hang
    async with work(acme.service, dispatch_webhooks):
        await acme.happen(*row(2))
        await until(lambda: hook.calls, "in flight")
        await acme.post(f"/v1/deliveries/{(await fifo.delivery('1'))['id']}/resend")
        release.set()
        await until(fifo.is_over, "over")

    assert names(hook) == ["1", "2"]


async def test_two_workers_share_the_lines(acme, hook, fifo, work, until):
    streams = [uuid4() for _ in range(4)]
    await acme.happen(*(event for each in streams for event in row(6, each)))
    async with work(acme.service, dispatch_webhooks, dispatch_webhooks):
        await acme.happen(*(event for each in streams for event in row(6, each, 7)))
        await until(fifo.is_over, "over")

    came = defaultdict(list)
    for _, body in hook.calls:
        told = json.loads(body)
        came[told["partitionkey"]].append(told["sequence"])
    assert set(map(tuple, came.values())) == {tuple(range(1, 13))}
