"""What the doors of clusters take and refuse, and what a late or repeated erasure does."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.clusters.consumers import CLUSTER_ERASURES
from tests.contracts.worlds.clusters import make


@pytest.fixture
async def cluster(desk):
    """Return the path of a topic that has one post."""
    return f"/v1/clusters/{(await make(desk.api))['cluster_id']}"


async def patch(desk, path, expect=200, headers=None, **body):
    answer = await desk.client.patch(path, json=body, headers=desk.agent | (headers or {}))
    assert answer.status_code == expect, answer.text
    return answer


async def test_a_name_is_given_changed_and_taken_back(desk, cluster):
    first = await patch(desk, cluster, name="退款慢")
    second = await patch(desk, cluster, name="退款太慢", headers={"If-Match": first.headers["etag"]})
    await patch(desk, cluster, 412, name="x", headers={"If-Match": first.headers["etag"]})
    same = await patch(desk, cluster, name="退款太慢")
    none = await patch(desk, cluster, name=None)

    assert (second.json()["name"], none.json()["name"]) == ("退款太慢", None)
    assert same.headers["etag"] == second.headers["etag"]


@pytest.mark.parametrize(
    "body",
    [{"name": ""}, {"name": "x" * 301}, {"name": 1}, {"is_dismissed": None}, {"posts": 3}, {"terms": []}],
    ids=str,
)
async def test_only_a_name_and_a_dismissal_are_taken(desk, cluster, body):
    await patch(desk, cluster, 422, **body)


@pytest.mark.parametrize(
    "body", [{}, {"feedback_id": "x"}, {"feedback_id": None}, {"feedback_id": str(uuid4()), "a": 1}]
)
async def test_a_post_is_named_by_its_id_alone(desk, cluster, body):
    for act in ("exclude", "include"):
        answer = await desk.client.post(f"{cluster}/{act}", json=body, headers=desk.agent)
        assert answer.status_code == 422


async def test_orders_that_there_are_not_are_refused(desk):
    for sort in ("rising", "-name", ""):
        await desk.get("/v1/clusters", expect=422, sort=sort)
    await desk.get(f"/v1/clusters/{uuid4()}", expect=404)


async def test_excluding_twice_is_once_and_ends_in_nothing_said(desk, cluster):
    [post] = (await desk.get(f"{cluster}/members"))["items"]
    for _ in range(2):
        given = {"feedback_id": post["feedback_id"]}
        answer = await desk.client.post(f"{cluster}/exclude", json=given, headers=desk.agent)
        assert (answer.json()["posts"], answer.json()["authors"], answer.json()["rising"]) == (0, 0, 0)
    assert (await desk.get("/v1/clusters"))["items"] == []


async def test_an_erasure_of_other_posts_changes_nothing(desk, cluster):
    before = await desk.get(cluster)

    await deliver(desk.api.db, CLUSTER_ERASURES, make_event(FeedbackErased(erasure_id=uuid4(), feedback_ids=[uuid4()])))

    assert await desk.get(cluster) == before


async def test_the_database_holds_sums(desk, cluster):
    with pytest.raises(Exception, match="ck_cluster_sums"):
        async with desk.api.db.transaction(Context("acme", actor="test")) as session:
            await session.execute(text("UPDATE cluster SET s1 = s1 + 1"))
