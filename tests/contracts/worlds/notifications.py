"""An endpoint with a delivery, a recipient, and a message to it."""

from __future__ import annotations

from uuid import uuid4

from opsloop_common.contracts.campaigns import CampaignPaused, MessageContent, MessageRequested
from opsloop_common.contracts.feedback import Author, FeedbackReceived
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import Api
from opsloop_notifications.sending.consumers import WEBHOOKS
from tests.contracts.worlds.world import MAIL, PATH, SAID, World, post

OF_SOMEBODY = {
    "event_types": ["feedback.received"],
    "filter": [{"field": "data.author.user_id", "op": "eq", "value": SAID}],
}
SINCE = {"since": "2026-11-22T00:00:00Z"}
OF_A_BOT = {"format": "pagerduty", "bot_secret": MAIL, "about": "events", "language": "zh"}
RECIPIENT = {"email": "u1@example.test", "locale": "en"}


async def make(api: Api) -> dict[str, str]:
    """Make an endpoint with a delivery, a recipient, and a message to it."""
    hook = await post(api, "/v1/webhooks", {"url": "http://127.0.0.1:9/", "event_types": ["*"]})
    put = await api.client.put("/v1/recipients/u1", json=RECIPIENT, headers=await api.key())
    assert put.status_code in (200, 201), put.text
    told = MessageRequested(
        campaign_id=uuid4(),
        message_id=uuid4(),
        channel="email",
        user_ids=["u1"],
        contents=[MessageContent(locale="en", subject="s", body="b")],
    )
    heard = FeedbackReceived(
        feedback_id=uuid4(), number=1, kind="bug", severity="s1", sentiment=-1, channel="api", tags=[],
        author=Author(user_id="u1"), occurred_at=api.clock.now(),
    )  # fmt: skip
    for subscription in api.runtime.service.subscriptions:
        await deliver(api.db, subscription, make_event(told), make_event(heard))
    headers = await api.key()
    line = await _line(api, hook["id"], headers)
    recovery = await api.client.post(f"/v1/webhooks/{hook['id']}/recover", json=SINCE, headers=await api.key())
    deliveries = (await api.client.get(f"/v1/webhooks/{hook['id']}/deliveries", headers=headers)).json()["items"]
    notified = (await api.client.get("/v1/notifications", headers=headers)).json()["items"]
    return {
        "webhook_id": hook["id"],
        "job_id": recovery.json()["job_id"],
        "delivery_id": deliveries[0]["id"],
        "line_id": line,
        "user_id": "u1",
        "notification_id": notified[0]["id"],
    }


async def _line(api: Api, hook: str, headers: dict[str, str]) -> str:
    """Have an endpoint get something in order; returns the line in which it waits."""
    ordered = await api.client.patch(f"/v1/webhooks/{hook}", json={"ordering": "stream"}, headers=headers)
    assert ordered.status_code == 200, ordered.text
    await deliver(api.db, WEBHOOKS, make_event(CampaignPaused(campaign_id=uuid4(), name="n")))
    items = (await api.client.get(f"/v1/webhooks/{hook}/lines", headers=headers)).json()["items"]
    return items[0]["id"]


WORLD = World(
    "notifications",
    make,
    bodies={
        "PATCH /v1/webhooks/{webhook_id}": {"description": "another"},
        "POST /v1/webhooks/{webhook_id}/rotate-secret": {},
        "POST /v1/webhooks/{webhook_id}/test": {"event_type": "kpi.breached"},
        "POST /v1/deliveries/{delivery_id}/resend": {},
        "POST /v1/webhooks/{webhook_id}/portal-link": {"can": ["view", "resend"], "expires_in": "P1D"},
        "POST /v1/webhooks/{webhook_id}/preview": {"event_type": "kpi.breached"},
        "POST /v1/webhooks/{webhook_id}/recover": SINCE,
        "POST /v1/webhooks/{webhook_id}/replay-missing": SINCE,
        "PUT /v1/recipients/{user_id}": RECIPIENT,
    },
    no_changes={"PUT /v1/recipients/{user_id}": RECIPIENT},
    changes={
        "PATCH /v1/webhooks/{webhook_id}": {"status": "disabled"},
        "PUT /v1/recipients/{user_id}": RECIPIENT | {"locale": "fr"},
    },
    worded={
        "POST /v1/webhooks": {"url": PATH, "description": SAID, "headers": {"x-a": SAID}, **OF_A_BOT, **OF_SOMEBODY},
        "PATCH /v1/webhooks/{webhook_id}": {
            "url": PATH,
            "description": SAID,
            "headers": {"x-a": SAID},
            **OF_A_BOT,
            **OF_SOMEBODY,
        },
        "POST /v1/webhooks/{webhook_id}/rotate-secret": {},
        "PUT /v1/recipients/{user_id}": {"email": MAIL, "name": SAID},
    },
    without_words=frozenset(
        {
            "POST /v1/webhooks/{webhook_id}/portal-link",
            "POST /v1/webhooks/{webhook_id}/preview",
            "POST /v1/webhooks/{webhook_id}/test",
            "POST /v1/deliveries/{delivery_id}/resend",
            "POST /v1/webhooks/{webhook_id}/recover",
            "POST /v1/webhooks/{webhook_id}/replay-missing",
        }
    ),
)
