"""The loop, over HTTP only: complaints → breach → campaign → mail and signed webhook → calm → recovery → told."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from tests.harness import Deployment, eventually

pytestmark = pytest.mark.slow

COMPLAINTS = [
    "The app crashes every time I pay, this is a severe data loss",
    "支付失败，而且重复扣款两次，钱不见了",
    "Payment failed and my order is lost, unusable",
    "应用一打开就闪退，数据全丢了",
]
MILD = ["Love the new colours, thank you", "新版本很好用，谢谢", "Could you add a dark theme?", "希望增加导出功能"]
WINDOW_SECONDS = 12


async def _post(client: httpx.AsyncClient, path: str, body: object, expect: int = 201) -> dict:
    answer = await client.post(path, json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def _complain(client: httpx.AsyncClient, texts: list[str], count: int) -> list[dict]:
    posts = [
        client.post(
            "/v1/feedback",
            json={
                "body": texts[n % len(texts)],
                "channel": "api",
                "external_id": uuid4().hex,
                "author": {"user_id": f"u{n % 4}"},
                "rating": 1 if texts is COMPLAINTS else 5,
                "occurred_at": datetime.now(UTC).isoformat(),
            },
            headers={"Idempotency-Key": uuid4().hex},
        )
        for n in range(count)
    ]
    answers = await asyncio.gather(*posts)
    assert {a.status_code for a in answers} == {201}, [a.text for a in answers if a.status_code != 201]
    return [a.json() for a in answers]


@pytest.mark.timeout(300)
async def test_the_loop_closes_by_itself(loop_deployment: Deployment, webhook_receiver, smtp_sink):
    feedback, metrics, campaigns, notifications = (
        loop_deployment.client(name) for name in ("feedback", "metrics", "campaigns", "notifications")
    )
    # a partner may only post feedback, with a key of its own
    partner_key = (await _post(feedback, "/v1/api-keys", {"name": "partner", "scopes": ["feedback:submit"]}))["key"]
    partner = loop_deployment.client("feedback", key=partner_key)
    for user, address in (("u1", "u1@example.test"), ("u2", "u2@example.test")):
        answer = await notifications.put(
            f"/v1/recipients/{user}", json={"email": address, "locale": "zh-CN" if user == "u2" else "en"}
        )
        assert answer.status_code in (200, 201), answer.text
    hook = await _post(
        notifications, "/v1/webhooks", {"url": webhook_receiver.url, "event_types": ["kpi.breached", "kpi.recovered"]}
    )
    await _post(
        metrics,
        "/v1/kpis",
        {
            "key": "severe_share",
            "name": "Share of severe feedback",
            "owner": "operations",
            "unit": "ratio",
            "direction": "down",
            "measure": {
                "type": "events",
                "event": "feedback.received",
                "aggregate": "share",
                "where": [{"field": "data.severity", "op": "in", "value": ["s1", "s2"]}],
            },
        },
    )
    monitor = await _post(
        metrics,
        "/v1/kpis/severe_share/monitors",
        {
            "condition": {"type": "threshold", "operator": "ge", "value": 0.5},
            "window": f"PT{WINDOW_SECONDS}S",
            "min_count": 5,
            "severity": "critical",
        },
    )
    playbook = await _post(
        campaigns,
        "/v1/playbooks",
        {
            "name": "Say sorry",
            "on": "kpi.breached",
            "when": [{"field": "data.kpi", "op": "eq", "value": "severe_share"}],
            "cooldown": "PT1H",
            "requires_approval": False,
            "launch": {
                "name": "We are on it",
                "audience": {"user_ids": ["u1", "u2", "u3"]},
                "messages": [
                    {"channel": "email", "locale": "en", "subject": "We are on it", "body": "We saw the crash."},
                    {"channel": "email", "locale": "zh-CN", "subject": "我们正在处理", "body": "我们已经发现问题。"},
                ],
            },
        },
    )

    # the storm: forty complaints within a minute, the last ten only after a pause
    severe = await _complain(partner, COMPLAINTS, 40)
    assert all(item["source"] == "partner" and "body" not in item for item in severe), "a partner only gets receipts"
    heard = (await feedback.get("/v1/feedback", params={"source": "partner", "limit": 200})).json()["items"]
    assert {item["severity"] for item in heard} <= {"s1", "s2"}
    assert len({item["number"] for item in severe}) == len(heard) == 40

    async def breached_calls() -> list:
        return [call for call in webhook_receiver.requests if json.loads(call.body)["type"] == "kpi.breached"]

    calls = await eventually(breached_calls, what="signed webhook about the breach")
    document = Webhook(hook["secret"]).verify(calls[0].body, dict(calls[0].headers))
    assert document["type"] == "kpi.breached"
    assert document["data"]["kpi"] == "severe_share"
    assert document["data"]["monitor_id"] == monitor["id"]
    assert document["data"]["value"] >= 0.5
    assert calls[0].headers["webhook-id"] == document["id"]

    # one campaign, launched by the breach, and its mail in each person's language
    async def finished_campaign() -> dict | None:
        items = (await campaigns.get("/v1/campaigns")).json()["items"]
        return items[0] if len(items) == 1 and items[0]["status"] == "finished" else None

    campaign = await eventually(finished_campaign, what="the campaign finished")
    mails = await eventually(lambda: _mails(smtp_sink, 2), what="two mails at the sink")
    subjects = {recipient: mail["subject"] for mail in mails for recipient in mail.recipients}
    assert subjects == {"u1@example.test": "We are on it", "u2@example.test": "我们正在处理"}

    # calm: mild feedback only, and the window moves on
    async def status() -> dict | None:
        state = (await metrics.get("/v1/kpis/severe_share/status")).json()
        return state if state["state"] == "ok" else None

    await _complain(partner, MILD, 12)
    await eventually(status, within=WINDOW_SECONDS + 20, what="the KPI is well again, with nothing posted since")

    async def recovered_calls() -> list:
        return [call for call in webhook_receiver.requests if json.loads(call.body)["type"] == "kpi.recovered"]

    recovered = await eventually(recovered_calls, what="signed webhook about the recovery")
    recovery = Webhook(hook["secret"]).verify(recovered[0].body, dict(recovered[0].headers))
    assert recovery["data"]["incident_id"] == document["data"]["incident_id"]

    # who was told
    results = (await campaigns.get(f"/v1/campaigns/{campaign['id']}/results")).json()
    assert results["audience_size"] == 3
    recipients = (await campaigns.get(f"/v1/campaigns/{campaign['id']}/recipients")).json()["items"]
    told = {row["user_id"]: (row["status"], row["reason"]) for row in recipients}
    assert told == {"u1": ("sent", None), "u2": ("sent", None), "u3": ("failed", "no_address")}
    assert (await campaigns.get(f"/v1/campaigns/{campaign['id']}")).json()["trigger"]["event_id"] == document["id"]

    # exactly once each, seen from every side
    assert len({call.headers["webhook-id"] for call in await breached_calls()}) == 1
    assert len({call.headers["webhook-id"] for call in await recovered_calls()}) == 1
    breaches = (await metrics.get("/v1/breaches")).json()["items"]
    assert [b["kpi"] for b in breaches] == ["severe_share"]
    events = await _all_events(notifications)
    counted = {kind: sum(e["type"] == kind for e in events) for kind in {e["type"] for e in events}}
    assert counted["feedback.received"] == 52
    assert counted["kpi.breached"] == counted["kpi.recovered"] == counted["campaign.launched"] == 1
    assert counted["campaign.finished"] == 1
    assert counted["notification.sent"] == 2
    assert counted["notification.failed"] == 1
    launched = next(e for e in events if e["type"] == "campaign.launched")
    assert launched["causationid"] == document["id"]
    assert launched["data"]["trigger"] == {"event_id": document["id"], "type": "kpi.breached"}
    runs = (await campaigns.get(f"/v1/playbooks/{playbook['id']}/runs")).json()["items"]
    assert [run["campaign_id"] for run in runs] == [campaign["id"]]
    for service in ("feedback", "metrics", "campaigns", "notifications"):
        client = loop_deployment.client(service)
        assert (await client.get("/v1/parked-events")).json()["items"] == []


async def _mails(sink, count: int) -> list | None:
    return list(sink.messages) if len(sink.messages) >= count else None


async def _all_events(notifications: httpx.AsyncClient) -> list[dict]:
    events: list[dict] = []
    cursor = None
    while True:
        query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = (await notifications.get("/v1/events", params=query)).json()
        events += page["items"]
        cursor = page["next_cursor"]
        if not cursor or not page["items"]:
            return events
