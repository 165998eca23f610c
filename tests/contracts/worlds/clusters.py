"""A topic with one post, as an hour's looking for topics would leave it."""

from __future__ import annotations

from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

POST = "01a20436-ee46-7e51-8490-d378feeb2c20"
FOUND = (
    "INSERT INTO cluster (id, workspace, version, created_at, updated_at, terms, examples, posts, this_week, before, authors, s1, s2, "
    "s3, s4, rising, first_at, last_at, is_dismissed) VALUES (:id, 'acme', 1, :now, :now, '{退款,refund}', ARRAY[:post]::uuid[], "
    "1, 1, 0, 1, 0, 0, 1, 0, 1, :now, :now, false)",
    "INSERT INTO cluster_member (feedback_id, workspace, cluster_id, said_at, severity, author, is_excluded) "
    "VALUES (:post, 'acme', :id, :now, 's3', '\\x00', false)",
)


async def make(api: Api) -> dict[str, str]:
    """Make a topic."""
    given = {
        "id": uuid7(),
        "post": (await post(api, "/v1/feedback", {"body": "退款太慢"}))["id"],
        "now": api.clock.now(),
    }
    async with api.db.transaction(Context(workspace="acme")) as session:
        for statement in FOUND:
            await session.execute(text(statement), given)
    return {"cluster_id": str(given["id"])}


WORLD = World(
    "feedback",
    make,
    bodies={
        "PATCH /v1/clusters/{cluster_id}": {"name": "another"},
        "POST /v1/clusters/{cluster_id}/exclude": {"feedback_id": POST},
        "POST /v1/clusters/{cluster_id}/include": {"feedback_id": POST},
    },
    changes={"PATCH /v1/clusters/{cluster_id}": {"is_dismissed": True}},
    worded={"PATCH /v1/clusters/{cluster_id}": {"name": SAID}},
    without_words=frozenset({"POST /v1/clusters/{cluster_id}/exclude", "POST /v1/clusters/{cluster_id}/include"}),
)
