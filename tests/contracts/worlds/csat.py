"""A workspace that asks how satisfied authors are, and what one said."""

from __future__ import annotations

from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

ANSWERED = text(
    "INSERT INTO csat_response (id, workspace, feedback_id, resolved_at, source, channel, severity, score, comment, "
    "answered_at, changed_at) VALUES (:id, 'acme', :id, :now, 'a', 'api', 's3', 5, :said, :now, :now)"
)


async def make(api: Api) -> dict[str, str]:
    """Have one post judged, and say that authors are asked."""
    made = await post(api, "/v1/feedback", {"body": "支付失败"})
    async with api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(ANSWERED, {"id": made["id"], "now": api.clock.now(), "said": SAID})
    headers = await api.key("feedback:admin")
    changed = await api.client.patch("/v1/csat-settings", json={"enabled": True}, headers=headers)
    assert changed.status_code == 200, changed.text
    return {}


WORLD = World(
    "feedback",
    make,
    bodies={"PATCH /v1/csat-settings": {"delay": "PT2H"}},
    changes={"PATCH /v1/csat-settings": {"quiet": "P10D"}},
    without_words=frozenset({"PATCH /v1/csat-settings"}),
)
