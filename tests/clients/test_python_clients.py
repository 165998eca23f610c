"""Clients from PyPI as they are, against a real OpsLoop that is out of reach, refuses for a while, and is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from uuid import uuid4

import pytest

from tests.clients.front import Front, fronting, key_for, reader_for, stored
from tests.harness import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ONCE = "SELECT message_id, count() FROM opsloop.event GROUP BY message_id"
BUSY = [(429, {"Retry-After": "2"}), (503, {})]


@pytest.fixture
async def front(embedded_deployment: Deployment):
    async with fronting(embedded_deployment.urls["metrics"]) as opened:
        yield opened


def say_everything(client) -> list[str]:
    """Make each of the six calls, of somebody who signs up, and return the ids of the messages."""
    said = [
        client.track(anonymous_id="a1", event="Visited", properties={"page": "价格"}),
        client.page(anonymous_id="a1", name="Pricing"),
        client.identify(user_id="u1", traits={"plan": "pro"}),
        client.alias(previous_id="a1", user_id="u1"),
        client.group(user_id="u1", group_id="g1", traits={"seats": 7}),
        client.screen(user_id="u1", name="Home"),
        client.track(user_id="u1", event="Signed Up"),
    ]
    return [message["messageId"] for _, message in said]


async def assert_signed_up(deployment: Deployment) -> None:
    profile = (await (await reader_for(deployment)).get("/v1/users/u1")).json()
    assert set(profile["distinct_ids"]) == {"u1", "a1"}
    assert profile["traits"] == {"plan": "pro"}
    ((group,)) = profile["groups"]
    assert (group["key"], group["traits"]) == ("g1", {"seats": 7})


@pytest.mark.parametrize("vendor", ["segment", "rudder"])
async def test_segments_and_rudderstacks_calls_come_once_each(embedded_deployment, front: Front, vendor):
    key = await key_for(embedded_deployment)
    if vendor == "segment":
        from segment.analytics.client import Client

        client = Client(key, host=front.url, gzip=True, upload_interval=0.1, on_error=pytest.fail)
    else:
        from rudderstack.analytics.client import Client

        client = Client(key, host=front.url, gzip=True, upload_interval=0.1)
    front.refusals = list(BUSY)

    ids = await asyncio.to_thread(say_everything, client)
    await asyncio.to_thread(client.shutdown)

    answered = front.answered("/v1/batch")
    assert answered[:2] == [429, 503]
    assert set(answered[2:]) == {200}
    assert {one.headers.get("Content-Encoding") for one in front.seen} == {"gzip"}
    await assert_signed_up(embedded_deployment)
    assert sorted(await stored(embedded_deployment, ONCE)) == sorted([id, 1] for id in ids)


@pytest.mark.parametrize("mode", ["v0", "v1"])
async def test_posthogs_calls_come_once_each(embedded_deployment, front: Front, mode):
    from posthog import Posthog

    key = await key_for(embedded_deployment)
    failed: list[object] = []
    client = Posthog(
        key,
        host=front.url,
        gzip=True,
        flush_interval=0.1,
        capture_mode=mode,
        on_error=lambda error, batch: failed.append(error),
    )
    front.refusals = list(BUSY)

    def say() -> list[str]:
        said = [client.capture("Visited", distinct_id="a1", properties={"page": "价格"})]
        said += [client.set(distinct_id="u1", properties={"plan": "pro"})]
        said += [client.alias(previous_id="a1", distinct_id="u1")]
        said += [client.group_identify("company", "g1", {"seats": 7}, distinct_id="u1")]
        said += [client.capture("Signed Up", distinct_id="u1", groups={"company": "g1"})]
        client.flush()
        client.shutdown()
        return [str(id) for id in said]

    ids = await asyncio.to_thread(say)

    path = "/batch/" if mode == "v0" else "/i/v1/analytics/events"
    assert front.answered(path)[:2] == [429, 503]
    assert set(front.answered(path)[2:]) == {200}
    assert failed == []
    await assert_signed_up(embedded_deployment)
    assert sorted(await stored(embedded_deployment, ONCE)) == sorted([id, 1] for id in ids)


async def test_what_posthog_is_told_to_send_again_counts_once(embedded_deployment, front: Front):
    from posthog import Posthog

    key = await key_for(embedded_deployment)
    failed: list[object] = []
    client = Posthog(
        key,
        host=front.url,
        flush_interval=60,
        flush_at=10,
        capture_mode="v1",
        on_error=lambda error, batch: failed.append(error),
    )
    asked_again: list[str] = []

    def three_again(answer: bytes) -> bytes:
        results = json.loads(answer)["results"]
        if len(results) == 10:
            asked_again.extend(list(results)[:3])
            results |= {uuid: {"result": "retry"} for uuid in asked_again}
        return json.dumps({"results": results}).encode()

    front.rewrite = three_again

    def say() -> list[str]:
        said = [str(client.capture(f"Event {number}", distinct_id="u1")) for number in range(10)]
        client.flush()
        client.shutdown()
        return said

    ids = await asyncio.to_thread(say)

    assert [len(json.loads(one.answer)["results"]) for one in front.seen if "analytics" in one.path] == [10, 3]
    assert set(json.loads(front.seen[-1].answer)["results"]) == set(asked_again)
    assert failed == []
    assert sorted(await stored(embedded_deployment, ONCE)) == sorted([id, 1] for id in ids)


SENDER = {
    "segment": """
import json, sys
from queue import Queue
from segment.analytics.consumer import Consumer
host, key, batch = sys.argv[1:]
for _ in range(5):
    Consumer(Queue(), key, host=host, retries=30).request(json.loads(batch))
    print("sent", flush=True)
""",
    "posthog": """
import json, sys
from queue import Queue
from posthog.consumer import Consumer
host, key, batch = sys.argv[1:]
for _ in range(5):
    Consumer(Queue(), key, host=host, retries=30).request(json.loads(batch))
    print("sent", flush=True)
""",
}


def batch_of(vendor: str) -> list[dict[str, object]]:
    if vendor == "segment":
        return [
            {"type": "track", "event": "Paid", "userId": f"u{number}", "messageId": str(uuid4())}
            for number in range(50)
        ]
    return [
        {"event": "Paid", "distinct_id": f"u{number}", "uuid": str(uuid4()), "properties": {}} for number in range(50)
    ]


@pytest.mark.parametrize("vendor", sorted(SENDER))
async def test_one_batch_five_times_from_two_processes_across_a_kill_counts_once(embedded_deployment, vendor):
    key = await key_for(embedded_deployment)
    batch = batch_of(vendor)
    opsloop = embedded_deployment.processes["opsloop"]
    command = [sys.executable, "-c", SENDER[vendor], embedded_deployment.urls["metrics"], key, json.dumps(batch)]
    senders = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        for _ in "ab"
    ]
    try:
        assert await senders[0].stdout.readline() == b"sent\n"
        opsloop.kill9()
        opsloop.start()
        await embedded_deployment.ready()
        for sender in senders:
            said, complaints = await sender.communicate()
            assert sender.returncode == 0, complaints.decode()
            assert said.count(b"sent") >= 4
    finally:
        for sender in senders:
            if sender.returncode is None:
                sender.kill()

    ids = [str(row.get("messageId") or row["uuid"]) for row in batch]
    assert sorted(await stored(embedded_deployment, ONCE)) == sorted([id, 1] for id in ids)
