"""Two who give one address, and may be one."""

from __future__ import annotations

from opsloop_common.testing.events import deliver
from opsloop_common.testing.http import Api
from opsloop_feedback.people.consumers import PEOPLE
from tests.contracts.worlds.world import World, post

MERGE = {"into": "01a20436-ee46-7e51-8490-d378feeb2c20"}


async def make(api: Api) -> dict[str, str]:
    """Let two write who give one address."""
    for user_id in ("world-1", "world-2"):
        await post(api, "/v1/feedback", {"body": "b", "author": {"user_id": user_id, "email": "world@example.test"}})
    await deliver(api.db, PEOPLE, *await api.events())
    key = await api.key("feedback:read")
    found = (await api.client.get("/v1/people-suggestions", headers=key)).json()["items"]
    return {"suggestion_id": found[0]["id"], "person_id": found[0]["people"][0]["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={"POST /v1/people/{person_id}/merge": MERGE},
    without_words=frozenset({"POST /v1/people/{person_id}/merge"}),
)
