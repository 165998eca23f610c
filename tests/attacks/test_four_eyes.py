"""A key with `campaigns:write` tries every way to say something to people on its own, against a real process."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.attacks.probe import watching
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.measured]

MESSAGE = {"channel": "email", "locale": "en", "subject": "Buy", "body": "Buy now."}
LAUNCH = {"name": "Buy", "audience": {"user_ids": ["u1"]}, "messages": [MESSAGE]}
PLAYBOOK = {"name": "Buy", "on": "feedback.received", "launch": LAUNCH}
SCOPES = ["campaigns:read", "campaigns:write"]


async def _ok(client: httpx.AsyncClient, method: str, path: str, body: object = None) -> dict:
    answer = await client.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


class Keys:
    """Hands out keys of `campaigns`, as the workspace's admin does."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.admin = deployment.client("campaigns")

    async def client(self, source: str) -> httpx.AsyncClient:
        """Return a client with a fresh key of that source."""
        made = await _ok(self.admin, "POST", "/v1/api-keys", {"name": source, "source": source, "scopes": SCOPES})
        return self._deployment.client("campaigns", key=made["key"])


async def _refused(client: httpx.AsyncClient, path: str) -> int:
    answer = await client.put(path, json={"status": "approved"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Approval by the author"), answer.text
    return 1


@pytest.mark.timeout(120)
async def test_a_write_key_alone_sends_nothing(embedded_deployment: Deployment):
    keys = Keys(embedded_deployment)
    writer, rotated, colleague = [await keys.client(source) for source in ("writer", "writer", "colleague")]
    feedback, notifications = embedded_deployment.client("feedback"), embedded_deployment.client("notifications")
    url = embedded_deployment.urls["feedback"].removesuffix("/api/feedback")
    refused = 0

    async with watching(f"{url}/healthz") as seen:
        # playbooks: one that sends, one that stops asking, one that was approved and then edited
        sends = await _ok(writer, "POST", "/v1/playbooks", PLAYBOOK | {"requires_approval": False})
        asked = await _ok(writer, "POST", "/v1/playbooks", PLAYBOOK | {"requires_approval": True})
        await _ok(writer, "PATCH", f"/v1/playbooks/{asked['id']}", {"requires_approval": False})
        edited = await _ok(writer, "POST", "/v1/playbooks", PLAYBOOK)
        await _ok(colleague, "PUT", f"/v1/playbooks/{edited['id']}/approval", {"status": "approved"})
        louder = {"launch": LAUNCH | {"audience": {"user_ids": ["u1", "u2"]}}}
        await _ok(writer, "PATCH", f"/v1/playbooks/{edited['id']}", louder)
        playbooks = [sends["id"], asked["id"], edited["id"]]
        for id in playbooks:
            for client in (writer, rotated):
                refused += await _refused(client, f"/v1/playbooks/{id}/approval")
        await _ok(feedback, "POST", "/v1/feedback", {"body": "支付失败", "channel": "api", "external_id": uuid4().hex})

        async def held() -> list[dict]:
            found = (await _ok(writer, "GET", "/v1/campaigns?held_by=playbook_approval"))["items"]
            return found if len(found) == len(playbooks) else []

        campaigns = await eventually(held, what="a held campaign of each playbook")
        # campaigns: those held, and a copy of one's own that a colleague made
        own = await _ok(writer, "POST", "/v1/campaigns", LAUNCH)
        copy = await _ok(colleague, "POST", f"/v1/campaigns/{own['id']}/duplicate")
        for id in (own["id"], copy["id"]):
            await _ok(writer, "PUT", f"/v1/campaigns/{id}/status", {"status": "pending_approval"})
        for id in [*(campaign["id"] for campaign in campaigns), own["id"], copy["id"]]:
            for client in (writer, rotated):
                refused += await _refused(client, f"/v1/campaigns/{id}/status")
        waited = {one["status"] for one in (await _ok(writer, "GET", "/v1/campaigns"))["items"]}
        # and somebody else's word lets one go
        await _ok(colleague, "PUT", f"/v1/campaigns/{campaigns[0]['id']}/status", {"status": "approved"})

        async def events() -> list[str]:
            found = [event["type"] for event in (await _ok(notifications, "GET", "/v1/events?limit=200"))["items"]]
            return found if "campaign.finished" in found else []

        told = await eventually(events, what="the approved campaign finished")

    print(
        f"\nfour eyes: 3 playbooks, 5 campaigns, 2 keys of one writer → {refused} approvals refused, {len(campaigns)} campaigns "
        f"held, {told.count('campaign.launched')} launched after a colleague's approval; /healthz {seen()}"
    )
    assert refused == 16
    assert waited == {"pending_approval"}
    assert told.count("campaign.launched") == 1
    seen().require()
