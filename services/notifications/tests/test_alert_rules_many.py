"""Hundreds of alerts of one post let everybody else go on, when they begin and when they are said again."""

import pytest

from opsloop_common import limits
from opsloop_common.testing.pauses import pauses_watched

MANY = 500
FEW = [{"labels": {"alertname": "first"}}]


def posted(name, count=MANY, labels=17):
    return [
        {
            "labels": {"alertname": f"{name} {number}"} | {f"l{each}": f"{each} of {number}" for each in range(labels)},
            "annotations": {"summary": "支付" * 20},
        }
        for number in range(count)
    ]


@pytest.fixture
async def post(service):
    key = await service.key()

    async def made(alerts):
        answer = await service.client.post("/api/v2/alerts", json=alerts, headers=key)
        assert answer.status_code == 200, answer.text

    made.key = key
    return made


async def firing(service, post):
    found, cursor = [], ""
    while cursor is not None:
        query = {"status": "firing", "limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await service.client.get("/v1/alerts", params=query, headers=post.key)).json()
        found, cursor = found + page["items"], page["next_cursor"]
    return found


@pytest.mark.measured
async def test_nobody_waits_for_hundreds(service, post):
    await post(FEW)  # what the first request of a process takes

    for _ in range(2):
        async with pauses_watched() as pauses:
            await post(posted("a"))

        assert (
            pauses.longest < 0.05
        )  # 110 ms when all groups were written by one statement, and fingerprints made in one go

    events = [event for event in await service.events() if event.type == "alert.triggered"]
    assert len(await firing(service, post)) == len(events) == MANY + 1
    assert {event.sequence for event in events} == {1}


async def test_each_has_its_row_its_log_and_its_group(service, post):
    await post(posted("a", count=45, labels=3))
    await post(posted("a", count=45, labels=3))
    alerts = await firing(service, post)

    assert len({alert["fingerprint"] for alert in alerts}) == len(alerts) == 45
    for alert in alerts[:3]:
        whole = (await service.client.get(f"/v1/alerts/{alert['id']}", headers=post.key)).json()
        assert [entry["kind"] for entry in whole["log"]] == ["fired"]


async def test_one_too_many_leaves_none(service, post, monkeypatch):
    monkeypatch.setattr(limits, "ALERTS_FIRING", 44)

    answer = await service.client.post("/api/v2/alerts", json=posted("a", 45, 3), headers=post.key)

    assert answer.status_code == 409
    assert await firing(service, post) == []
