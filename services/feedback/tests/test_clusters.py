"""Clusters through the door: found every hour, the same from week to week, counted as their posts are, and as people want them."""

from uuid import uuid4

import pytest

from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.clusters.consumers import CLUSTER_ERASURES

DAY = 86_400
REFUNDS = (
    "退款太慢了，等了十天",
    "退款还没有到账",
    "Where is my refund?",
    "My refund has not arrived",
    "退款迟迟不到账",
)
DARK = ("Please add a dark mode", "希望增加深色模式", "Dark mode would be great at night", "求深色模式，晚上刺眼")
OTHERS = ("The penguin mascot is lovely", "周末营业吗", "Do you hire interns in Berlin?", "会议室预订少了二楼")


class Topics:
    """A desk at which topics are looked for."""

    def __init__(self, desk):
        self.desk = desk

    async def say(self, *bodies, **fields):
        posts = [await self.desk.post(body=body, **fields) for body in bodies]
        await deliver(self.desk.api.db, ARRIVALS, *await self.desk.api.events())
        return [post["id"] for post in posts]

    async def find(self, seconds=3_601):
        self.desk.api.clock.advance(seconds)
        await run_recurring(self.desk.api.db, SERVICE.due)
        return await self.listed()

    async def listed(self, **params):
        return (await self.desk.get("/v1/clusters", **params))["items"]

    async def members(self, cluster):
        return (await self.desk.get(f"/v1/clusters/{cluster['id']}/members"))["items"]

    async def posts(self, cluster):
        return {each["id"] for each in (await self.desk.get("/v1/feedback", cluster=cluster["id"]))["items"]}

    async def call(self, method, cluster, path="", expect=200, **options):
        given = self.desk.agent | options.pop("headers", {})
        answer = await self.desk.client.request(method, f"/v1/clusters/{cluster['id']}{path}", headers=given, **options)
        assert answer.status_code == expect, answer.text
        return answer.json()


@pytest.fixture
def topics(desk):
    return Topics(desk)


async def test_topics_are_found_in_both_languages_and_are_the_sum_of_their_posts(topics):
    refunds = await topics.say(*REFUNDS, author={"user_id": "u1"})
    dark = await topics.say(*DARK, *OTHERS)

    first, second = await topics.find()

    assert await topics.posts(first) == set(refunds)
    assert await topics.posts(second) == set(dark[: len(DARK)])
    assert {"退款", "refund"} <= set(first["terms"])
    assert set(first["examples"]) <= set(refunds)
    assert (first["posts"], first["this_week"], first["before"], first["authors"]) == (5, 5, 0, 1)
    assert (second["authors"], second["name"], second["rising"]) == (4, None, 4.0)
    for cluster in (first, second):
        members = await topics.members(cluster)
        assert sum(cluster["severities"].values()) == cluster["posts"] == len(members)
        assert {one["feedback_id"] for one in members} == await topics.posts(cluster)
        assert await topics.call("GET", cluster) == cluster
    assert [one["id"] for one in await topics.listed(sort="-posts")] == [first["id"], second["id"]]
    # an hour later nothing has changed, so nothing is written
    assert await topics.find() == [first, second]


async def test_a_topic_stays_itself_from_week_to_week(topics):
    await topics.say(*REFUNDS)
    [one] = await topics.find()

    await topics.find(8 * DAY)
    await topics.say("还没收到退款", "refund please, I waited long enough", "退款什么时候到账")
    [later] = await topics.find()

    assert later["id"] == one["id"]
    assert (later["posts"], later["this_week"], later["before"]) == (8, 3, 5)
    assert later["rising"] == pytest.approx((3 - 5 / 4) / (5 / 4 + 1) ** 0.5, abs=1e-5)
    assert (later["first_at"], later["last_at"] > one["last_at"]) == (one["first_at"], True)
    # what was said five weeks ago is looked at no more; three posts are enough to stay
    [latest] = await topics.find(28 * DAY)
    assert (latest["id"], latest["posts"], latest["this_week"]) == (one["id"], 3, 0)
    assert await topics.find(28 * DAY) == []
    assert (await topics.call("GET", one))["posts"] == 0


async def test_people_name_dismiss_and_exclude_and_it_stays_so(topics):
    refunds = await topics.say(*REFUNDS)
    await topics.say(*DARK)
    refund, dark = await topics.find()
    named = await topics.call("PATCH", refund, json={"name": "退款慢"})
    await topics.call("PATCH", dark, json={"is_dismissed": True})
    left = await topics.call("POST", refund, "/exclude", json={"feedback_id": refunds[0]})

    assert (left["posts"], sum(left["severities"].values())) == (4, 4)
    assert refunds[0] not in await topics.posts(refund)
    assert [one["is_excluded"] for one in await topics.members(refund) if one["feedback_id"] == refunds[0]] == [True]
    await topics.call("PATCH", refund, expect=412, json={"name": "x"}, headers={"If-Match": '"1"'})
    await topics.call("POST", dark, "/exclude", expect=404, json={"feedback_id": refunds[0]})

    await topics.say("我的退款呢，等了好久", "Dark mode, please please", "refund, where are you?")
    [found] = await topics.find()

    assert (found["id"], found["name"], found["posts"]) == (refund["id"], named["name"], 6)
    [dismissed] = await topics.listed(is_dismissed=True)
    assert (dismissed["id"], dismissed["posts"]) == (dark["id"], 5)
    assert (await topics.call("POST", refund, "/include", json={"feedback_id": refunds[0]}))["posts"] == 7


async def test_what_was_erased_belongs_to_no_topic_twice_or_once(topics):
    refunds = await topics.say(*REFUNDS)
    [one] = await topics.find()
    erased = make_event(FeedbackErased(erasure_id=uuid4(), feedback_ids=refunds[:2]))

    for _ in range(2):
        await deliver(topics.desk.api.db, CLUSTER_ERASURES, erased)

    [left] = await topics.listed()
    assert (left["id"], left["posts"], left["terms"], left["examples"]) == (one["id"], 3, [], [])
    assert await topics.posts(one) == set(refunds[2:])


async def test_others_see_and_find_nothing_of_it(topics):
    await topics.say(*REFUNDS)
    [one] = await topics.find()
    theirs = await topics.desk.api.key("feedback:read", "feedback:write", workspace="other")
    submit = await topics.desk.api.key("feedback:submit")

    for method, path, body in (("GET", "", None), ("GET", "/members", None), ("PATCH", "", {"name": "x"})):
        await topics.call(method, one, path, expect=404, json=body, headers=theirs)
    await topics.call("GET", one, expect=403, headers=submit)
    assert (await topics.desk.client.get("/v1/clusters", headers=theirs)).json()["items"] == []
    found = await topics.desk.client.get("/v1/feedback", params={"cluster": one["id"]}, headers=theirs)
    assert found.json()["items"] == []
    assert (await topics.desk.get("/v1/feedback", cluster="x", expect=422))["errors"]
