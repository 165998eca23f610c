"""One post is followed to its webhook: over the bus of the one process, and over Kafka between four."""

from __future__ import annotations

import secrets

import pytest

from opsloop_common.testing.collector import CLIENT, CONSUMER, PRODUCER, SERVER, Collector, Seen
from tests.harness import Deployment, eventually

ADDRESS = "somebody@example.test"
WORDS = "my order vanished"


@pytest.fixture
def deployment_settings(collector: Collector) -> dict[str, str]:
    return {"OPSLOOP_OTLP_ENDPOINT": collector.url}


def of_kind(spans: list[Seen], kind: int, name: str, service: str) -> list[Seen]:
    return [span for span in spans if (span.kind, span.name, span.service) == (kind, name, f"opsloop-{service}")]


@pytest.mark.timeout(300)
async def test_a_post_is_followed_to_its_webhook(loop_deployment: Deployment, collector: Collector, webhook_receiver):
    feedback, notifications = loop_deployment.client("feedback"), loop_deployment.client("notifications")
    hook = await notifications.post(
        "/v1/webhooks", json={"url": webhook_receiver.url, "event_types": ["feedback.received"]}
    )
    assert hook.status_code == 201, hook.text
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    said = {"body": WORDS, "channel": "email", "author": {"user_id": "u1", "email": ADDRESS}}

    posted = await feedback.post("/v1/feedback", json=said, headers={"traceparent": f"00-{trace}-{caller}-01"})

    assert posted.status_code == 201, posted.text
    (received,) = await webhook_receiver.wait_for(1)
    event = received.headers["webhook-id"]

    async def whole() -> list[Seen]:
        spans = collector.spans(trace)
        # four processes send theirs when it suits each of them
        ends = [(SERVER, "POST /v1/feedback", "feedback"), (PRODUCER, "send opsloop.feedback", "feedback")]
        ends += [(CONSUMER, "process opsloop.feedback", "notifications"), (CLIENT, "POST", "notifications")]
        return spans if all(of_kind(spans, *end) for end in ends) else []

    spans = await eventually(whole, within=30, what="spans up to the webhook")
    (request,) = of_kind(spans, SERVER, "POST /v1/feedback", "feedback")
    assert request.parent == caller
    assert request.attributes["http.response.status_code"] == 201
    statements = [span for span in spans if span.parent == request.id and "db.query.text" in span.attributes]
    for said_of in (
        "INSERT feedback",
        "INSERT outbox",
    ):  # two statements: how its author is reached is told in the transaction too
        assert any(said_of in span.name for span in statements), statements
    (sent,) = of_kind(spans, PRODUCER, "send opsloop.feedback", "feedback")
    heard = of_kind(spans, CONSUMER, "process opsloop.feedback", "notifications")
    (logged,) = [span for span in heard if span.attributes["messaging.consumer.group.name"] == "notifications.webhooks"]
    (called,) = of_kind(spans, CLIENT, "POST", "notifications")
    assert {sent.parent, logged.parent, called.parent} == {request.id}
    assert {span.attributes["messaging.message.id"] for span in (sent, logged, called)} == {event}
    assert [span for span in spans if span.parent == logged.id and "INSERT event_log" in span.name]
    assert called.attributes["http.response.status_code"] == 204
    assert received.headers["traceparent"] == f"00-{trace}-{called.id}-01"
    assert not [span for span in spans if span.failed]
    told = str(collector.spans())
    assert ADDRESS not in told
    assert WORDS not in told
