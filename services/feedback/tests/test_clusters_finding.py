"""What becomes of topics as posts come, go and are taken out: they fall apart, become one, and are gone in the end."""

from collections import defaultdict

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.clusters import rules

DAY = 86_400
MINE = Context("acme", actor="test")


def about(*things):
    """Return three posts that speak of some things and of nothing else."""
    return [f"{' '.join(things)} {more}" for more in ("alpha", "beta", "gamma")]


class Hours:
    """Posts that come, and the hours in which topics are looked for."""

    def __init__(self, desk):
        self.desk = desk

    async def say(self, *bodies, **fields):
        posts = [await self.desk.post(body=body, **fields) for body in bodies]
        await self.hear()
        return [post["id"] for post in posts]

    async def hear(self):
        await deliver(self.desk.api.db, ARRIVALS, *await self.desk.api.events())

    async def pass_by(self, seconds=3_601):
        self.desk.api.clock.advance(seconds)
        await run_recurring(self.desk.api.db, SERVICE.due)
        return (await self.desk.get("/v1/clusters", sort="-posts"))["items"]

    async def show(self, cluster):
        return await self.desk.get(f"/v1/clusters/{cluster['id']}")

    async def posts(self, *clusters):
        found = await self.desk.get("/v1/feedback", cluster=[one["id"] for one in clusters])
        return {each["id"] for each in found["items"]}

    async def call(self, path, expect=200, **body):
        answer = await self.desk.client.post(f"/v1/{path}", json=body, headers=self.desk.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def rows(self, statement, **given):
        async with self.desk.api.db.transaction(MINE) as session:
            return (await session.execute(text(statement), given)).all()


@pytest.fixture
def hours(desk):
    return Hours(desk)


async def test_nothing_said_is_no_topic(hours):
    assert await hours.pass_by() == []
    await hours.say("walrus tusk alpha", "walrus tusk beta")
    assert await hours.pass_by() == []


async def test_an_hour_that_brings_one_more_post_adds_it(hours):
    first = await hours.say(*about("walrus", "tusk"))
    [one] = await hours.pass_by()
    more = await hours.say("walrus tusk delta")
    [later] = await hours.pass_by()

    assert (later["id"], later["posts"]) == (one["id"], 4)
    assert await hours.posts(later) == {*first, *more}


async def test_what_becomes_one_says_where_its_posts_went(hours):
    await hours.say(*about("narwhal", "horn"), *about("einhornwal", "zahn"))
    apart = await hours.pass_by()
    assert [one["posts"] for one in apart] == [3, 3]
    # as if both had been read by what the workspace calls one thing since
    await hours.rows("UPDATE indexed_feedback SET tok = '{=narwhal,=horn}' RETURNING 1")

    together = await hours.pass_by()

    assert [one["posts"] for one in together] == [6]
    assert together[0]["id"] in {one["id"] for one in apart}
    [ended] = [one for one in apart if one["id"] != together[0]["id"]]
    told = await hours.show(ended)
    assert (told["merged_into_id"], told["posts"]) == (together[0]["id"], 0)


async def test_what_falls_apart_says_what_it_came_from(hours):
    posts = await hours.say(*about("walrus", "tusk"), "walrus tusk delta", *(f"walrus tusk {more}" for more in "xyz"))
    [one] = await hours.pass_by()
    for id in posts[4:]:
        await hours.rows(
            "UPDATE indexed_feedback SET tok = '{narwhal,horn}' WHERE feedback_id = :id RETURNING 1", id=id
        )

    kept, new = await hours.pass_by()

    assert (kept["id"], kept["posts"], kept["came_from_id"]) == (one["id"], 4, None)
    assert (new["posts"], new["came_from_id"]) == (3, one["id"])


async def test_a_merged_post_still_counts_where_it_was_said(hours):
    posts = await hours.say(*about("walrus", "tusk"))
    [before] = await hours.pass_by()
    await hours.call(f"feedback/{posts[0]}/merge", into=posts[1])

    [after] = await hours.pass_by()

    assert (after["id"], after["posts"]) == (before["id"], 3)


async def test_two_excluded_of_three_leave_one_that_is_no_topic_any_more(hours):
    posts = await hours.say(*about("walrus", "tusk"))
    [one] = await hours.pass_by()
    for id in posts[:2]:
        await hours.call(f"clusters/{one['id']}/exclude", feedback_id=id)
    assert (await hours.show(one))["posts"] == 1

    assert await hours.pass_by() == []

    assert (await hours.show(one))["posts"] == 0
    members = (await hours.desk.get(f"/v1/clusters/{one['id']}/members"))["items"]
    assert {each["feedback_id"] for each in members} == set(posts[:2])


async def test_severity_follows_the_post_within_the_hour(hours):
    posts = await hours.say(*about("walrus", "tusk"))
    [one] = await hours.pass_by()
    await hours.desk.patch(posts[0], severity="s1")

    [later] = await hours.pass_by()

    assert later["severities"]["s1"] == one["severities"]["s1"] + 1
    assert sum(later["severities"].values()) == later["posts"] == 3


async def test_what_nobody_speaks_of_is_gone_in_the_end_with_its_name(hours):
    await hours.say(*about("walrus", "tusk"))
    [one] = await hours.pass_by()

    assert await hours.pass_by(36 * DAY) == []
    assert (await hours.show(one))["posts"] == 0
    await hours.pass_by(91 * DAY)

    await hours.desk.get(f"/v1/clusters/{one['id']}", expect=404)
    assert await hours.rows("SELECT 1 FROM cluster_member") == []


async def test_topics_are_paged_in_each_order_without_gaps(hours):
    for at in range(5):
        bodies = about(f"thing{'abcde'[at]}", f"part{'abcde'[at]}")
        await hours.say(*bodies, *(f"{bodies[0]} {more}" for more in "uvwxyz"[:at]))
    found = await hours.pass_by()
    assert len(found) == 5

    for sort, key in (("-rising", "rising"), ("-posts", "posts"), ("-last", "last_at")):
        seen, cursor = [], None
        while True:
            given = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
            page = await hours.desk.get("/v1/clusters", **given)
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert {one["id"] for one in seen} == {one["id"] for one in found}
        assert [one[key] for one in seen] == sorted((one[key] for one in seen), reverse=True)


async def test_members_are_paged_newest_first(hours):
    posts = await hours.say(*about("walrus", "tusk"), "walrus tusk delta", "walrus tusk epsilon")
    [one] = await hours.pass_by()
    seen, cursor = [], None
    while True:
        given = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await hours.desk.get(f"/v1/clusters/{one['id']}/members", **given)
        seen += [each["feedback_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert sorted(seen) == sorted(posts)
    assert len(seen) == 5


async def test_the_list_is_narrowed_counted_and_kept_as_a_view_by_topics(hours):
    walrus = await hours.say(*about("walrus", "tusk"))
    narwhal = await hours.say(*about("narwhal", "horn"))
    one, other = await hours.pass_by()

    assert await hours.posts(one, other) == {*walrus, *narwhal}
    counted = await hours.desk.get("/v1/feedback", cluster=one["id"], facets="status")
    assert sum(each["count"] for each in counted["facets"]["status"]["counts"]) == 3
    view = await hours.call("views", 201, name="topic", filters={"cluster": [one["id"]]})
    assert view["query"].startswith(f"cluster={one['id']}")
    listed = await hours.desk.get("/v1/views", counts="true")
    assert listed["counts"][view["id"]]["count"] == 3


async def test_only_the_newest_are_looked_at_and_the_largest_kept(hours, monkeypatch):
    await hours.say(*about("walrus", "tusk"))
    await hours.say(*about("narwhal", "horn"), "narwhal horn delta")
    monkeypatch.setattr(rules, "MOST_CLUSTERS", 1)

    [one] = await hours.pass_by()

    assert one["posts"] == 4
    assert one["terms"]


async def test_workspaces_have_topics_of_their_own(hours):
    await hours.say(*about("walrus", "tusk"))
    theirs = await hours.desk.api.key("feedback:read", "feedback:write", workspace="other")
    for body in about("walrus", "tusk"):
        answer = await hours.desk.client.post("/v1/feedback", json={"body": body}, headers=theirs)
        assert answer.status_code == 201
    await hours.hear()

    [mine] = await hours.pass_by()
    [other] = (await hours.desk.client.get("/v1/clusters", headers=theirs)).json()["items"]

    assert mine["id"] != other["id"]
    assert mine["posts"] == other["posts"] == 3


async def test_numbers_are_those_of_a_count_by_hand(hours):
    for at, body in enumerate([*about("walrus", "tusk"), "walrus tusk delta", "walrus tusk epsilon"]):
        await hours.say(body, author={"user_id": f"u{at % 2}"})
        hours.desk.api.clock.advance(2 * DAY)
    [one] = await hours.pass_by()
    members = (await hours.desk.get(f"/v1/clusters/{one['id']}/members"))["items"]

    by_severity = defaultdict(int)
    for each in members:
        by_severity[each["severity"]] += 1
    times = sorted(each["said_at"] for each in members)
    assert {name: count for name, count in one["severities"].items() if count} == dict(by_severity)
    assert (one["first_at"], one["last_at"]) == (times[0], times[-1])
    assert (one["posts"], one["this_week"] + one["before"], one["authors"]) == (5, 5, 2)
    assert one["this_week"] == 3
