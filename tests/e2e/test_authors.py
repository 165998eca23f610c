"""Who gives feedback is reached: at once where a server names the address, after the owner's yes where a page does."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest

from opsloop_common.contracts.users import mailbox_user_id
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def deployment_settings() -> dict[str, str]:
    return {"OPSLOOP_PUBLIC_URL": "https://ops.example.test"}


async def _post(client: httpx.AsyncClient, path: str, body: object, expect: int = 201) -> dict:
    answer = await client.post(path, json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def _known(client: httpx.AsyncClient, user: str) -> dict:
    async def shown() -> dict | None:
        answer = await client.get(f"/v1/recipients/{user}")
        return answer.json() if answer.status_code == 200 else None

    return await eventually(shown, what=f"{user} is learned")


async def _tell(client: httpx.AsyncClient, *users: str) -> dict[str, tuple[str, str | None]]:
    """Write to people; returns what became of each."""
    contents = [{"locale": "en", "email": {"subject": f"We heard you {uuid4()}", "body": "It is mended."}}]
    body = {"user_ids": users, "channels": ["email"], "contents": contents}
    made = await _post(client, "/v1/messages", body)

    async def ended() -> dict | None:
        rows = (await client.get("/v1/notifications", params={"message_id": made["id"]})).json()["items"]
        is_done = len(rows) == len(users) and all(row["status"] != "pending" for row in rows)
        return {row["user_id"]: (row["status"], row["reason"]) for row in rows} if is_done else None

    return await eventually(ended, what="the message ended")


async def test_authors_are_learned_and_reached(loop_deployment: Deployment, smtp_sink):
    feedback, notifications = (loop_deployment.client(name) for name in ("feedback", "notifications"))
    secret = await _post(feedback, "/v1/api-keys", {"name": "partner", "scopes": ["feedback:submit"]})
    of_a_page = {"publishable": True, "origins": ["https://shop.example"]}
    public = await _post(feedback, "/v1/api-keys", {"name": "site", "scopes": ["feedback:submit"], **of_a_page})
    partner, page = (loop_deployment.client("feedback", key=made["key"]) for made in (secret, public))
    mailbox = mailbox_user_id("default", "only@example.test")

    await _post(partner, "/v1/feedback", {"body": "b", "author": {"user_id": "buyer", "email": "buyer@example.test"}})
    await _post(partner, "/v1/feedback", {"body": "b", "author": {"email": "only@example.test"}})
    await _post(page, "/v1/feedback", {"body": "b", "author": {"user_id": "guest", "email": "guest@example.test"}})
    await _post(page, "/v1/feedback", {"body": "b", "author": {"user_id": "buyer", "email": "thief@example.test"}})
    people = {user: await _known(notifications, user) for user in ("buyer", "guest", mailbox)}

    assert [(each["state"], each["source"]) for each in people.values()] == [
        ("confirmed", "feedback/partner"),
        ("unconfirmed", "feedback/site"),
        ("confirmed", "feedback/partner"),
    ]
    assert await _tell(notifications, "buyer", "guest", mailbox) == {
        "buyer": ("sent", None),
        "guest": ("failed", "not_confirmed"),
        mailbox: ("sent", None),
    }
    sent = await smtp_sink.wait_for(2)
    assert {to for mail in sent for to in mail.recipients} == {"buyer@example.test", "only@example.test"}

    await _post(notifications, "/v1/recipients/guest/confirmation", {}, 202)
    question = (await smtp_sink.wait_for(3))[-1]
    assert question.recipients == ["guest@example.test"]
    [link] = set(re.findall(r"https://ops\.example\.test\S*(/p/\S+)", question.text))
    answer = await notifications.post(link, data={"yes": "1"})
    assert answer.status_code == 200, answer.text

    assert await _tell(notifications, "guest") == {"guest": ("sent", None)}

    async def beside() -> dict | None:
        shown: dict = (await notifications.get("/v1/recipients/buyer")).json()
        return shown if shown["unconfirmed"] else None

    shown = await eventually(beside, what="the claim stands beside")
    assert (shown["email"], shown["unconfirmed"]["email"]) == ("buyer@example.test", "thief@example.test")
