"""Scenario 5 over all services: who pays and fails is answered in Chinese by itself, and the alert is there within seconds."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.feedback.test_scenarios import SAID, VIP
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

ALERTED_WITHIN_SECONDS = 5.0
SEVERE = [{"field": "data.severity", "op": "eq", "value": "s1"}]
ANSWER = {"channel": "email", "locale": "zh-CN", "subject": "我们正在处理您的支付问题", "body": "您好，我们已经看到。"}


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.timeout(180)
async def test_5_a_vip_whose_payment_fails_is_answered_in_chinese_and_the_alert_is_there_within_5_s(
    embedded_deployment: Deployment, webhook_receiver, smtp_sink
):
    feedback, campaigns, notifications = (
        embedded_deployment.client(name) for name in ("feedback", "campaigns", "notifications")
    )
    await notifications.put("/v1/recipients/vip-wang", json={"email": "wang@example.test", "locale": "zh-CN"})
    await made(notifications, "/v1/webhooks", url=webhook_receiver.url, event_types=["alert.triggered"])
    labels = {"severity": "critical", "team": "Payments"}
    await made(
        notifications, "/v1/alert-rules", name="Severe", event_types=["feedback.received"], when=SEVERE, labels=labels
    )
    team = await made(feedback, "/v1/teams", name="Payments")
    await made(feedback, "/v1/routing-rules", name="Payments", team_id=team["id"], when=SEVERE)
    await made(
        feedback, "/v1/triage-rules", name="VIP", when=VIP, set={"kind": "bug", "severity": "s1", "area": "payments"}
    )
    await made(
        campaigns,
        "/v1/playbooks",
        name="Answer Ms Wang",
        on="feedback.received",
        when=[*SEVERE, {"field": "data.author.user_id", "op": "eq", "value": "vip-wang"}],
        launch={"name": "We see it", "audience": {"user_ids": ["vip-wang"]}, "messages": [ANSWER]},
    )

    began = time.monotonic()
    post = await made(feedback, "/v1/feedback", **SAID)

    async def alerted() -> Any:
        return [json.loads(call.body) for call in webhook_receiver.requests]

    [alert] = await eventually(alerted, within=ALERTED_WITHIN_SECONDS, every=0.05, what="the alert is told")
    after = time.monotonic() - began
    mails = await eventually(lambda: mails_at(smtp_sink), what="the answer is in the mailbox")

    async def routed() -> bool:
        return bool((await feedback.get(f"/v1/feedback/{post['id']}")).json()["team"] == "Payments")

    await eventually(routed, what="the team has it")
    assert (alert["type"], alert["data"]["labels"]["team"]) == ("alert.triggered", "Payments")
    assert [(mail["subject"], mail.recipients) for mail in mails] == [(ANSWER["subject"], ["wang@example.test"])]
    print(f"5 the alert after {after:.1f} s, then a mail in Chinese, and the team Payments has it")


async def mails_at(sink: Any) -> list[Any]:
    return list(sink.messages)
