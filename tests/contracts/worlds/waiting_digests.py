"""A digest that waits for its window to end."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import World, post

DAILY = {"every": "day", "at": "09:00", "weekday": "monday"}
CONTENTS = [{"locale": "en", "email": {"subject": "Hello", "body": "hello"}}]


async def make(api: Api) -> dict[str, str]:
    """Hold a message for a person who gets its topic daily."""
    await post(api, "/v1/notification-topics", {"key": "daily", "name": "Daily", "digest": DAILY})
    put = await api.client.put("/v1/recipients/d1", json={"email": "d1@example.test"}, headers=await api.key())
    assert put.status_code in (200, 201), put.text
    said = {"contents": CONTENTS, "user_ids": ["d1"], "channels": ["email"], "topic": "daily", "digest_key": "k"}
    await post(api, "/v1/messages", said)
    found = await api.client.get("/v1/digests", headers=await api.key())
    return {"digest_id": found.json()["items"][0]["id"]}


WORLD = World("notifications", make)
