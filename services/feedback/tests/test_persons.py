"""People over several channels: known by an id, suggested by an address, joined and parted by hand with nothing lost."""

import asyncio
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.people.consumers import PEOPLE


def joined(lists):
    return [each for one in lists for each in one]


class Crowd:
    """Who posts, as the desk sees them."""

    def __init__(self, desk):
        self.desk = desk

    async def call(self, method, path, expect=200, **options):
        answer = await self.desk.client.request(method, path, headers=self.desk.agent, **options)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def hear(self, events=None):
        await deliver(self.desk.api.db, PEOPLE, *(events or await self.desk.api.events()))

    async def known(self, **params):
        return (await self.call("GET", "/v1/people", params=params))["items"]

    async def person(self, user_id):
        [found] = await self.known(user_id=user_id)
        return found["id"]

    async def people(self, *user_ids):
        for user_id in user_ids:
            await self.desk.post(author={"user_id": user_id})
        await self.hear()
        return [await self.person(user_id) for user_id in user_ids]

    async def merge(self, source, into, expect=200):
        return await self.call("POST", f"/v1/people/{source}/merge", expect, json={"into": into})

    async def unmerge(self, source, expect=200):
        return await self.call("POST", f"/v1/people/{source}/unmerge", expect)

    async def seen(self, id):
        return await self.call("GET", f"/v1/people/{id}")

    async def ways(self, id):
        return [
            (way["person_id"], way["source"], way["channel"], way["email"])
            for way in (await self.seen(id))["identities"]
        ]

    async def suggested(self):
        found = (await self.call("GET", "/v1/people-suggestions", params={"limit": 200}))["items"]
        return {(each["reason"], *sorted(one["id"] for one in each["people"])): each["id"] for each in found}

    async def posts(self, *ids):
        return [each["id"] for each in (await self.call("GET", "/v1/feedback", params={"person": ids}))["items"]]


@pytest.fixture
def crowd(desk):
    return Crowd(desk)


async def test_one_id_is_one_person_over_all_sources_and_channels(crowd):
    partner = await crowd.desk.api.key("feedback:read", "feedback:write", source="shop")
    author = {"user_id": "u1", "email": "Li@example.test", "name": "李雷"}
    first = await crowd.desk.post(author=author, channel="form")
    crowd.desk.api.clock.advance(1)
    second = await crowd.desk.post(author={"user_id": "u1"}, channel="email", headers=partner)
    await crowd.desk.post(author={"user_id": "u2"})
    await crowd.desk.post()  # nobody

    for _ in range(2):
        await crowd.hear()

    assert len(await crowd.known()) == 2
    person = await crowd.seen(await crowd.person("u1"))
    assert (person["user_id"], person["email"], person["name"], person["is_verified"]) == ("u1", None, "李雷", True)
    assert [(each["source"], each["channel"], each["email"]) for each in person["identities"]] == [
        ("test", "form", "li@example.test"),
        ("shop", "email", None),
    ]
    assert {each["channel"]: each["count"] for each in person["feedback_by_channel"]} == {"form": 1, "email": 1}
    assert person["is_exact"]
    assert await crowd.posts(person["id"]) == [second["id"], first["id"]]
    assert await crowd.posts(str(uuid4())) == []
    assert [each["id"] for each in await crowd.known(email="LI@example.test")] == [person["id"]]
    counted = await crowd.call("GET", "/v1/feedback", params={"person": person["id"], "facets": "channel"})
    assert sorted(each["count"] for each in counted["facets"]["channel"]["counts"]) == [1, 1]


async def test_an_address_alone_is_somebody_and_what_two_share_suggests_them_until_it_is_dismissed(crowd):
    await crowd.desk.post(author={"user_id": "u1", "email": "a@example.test"})
    await crowd.desk.post(author={"user_id": "u2", "email": "A@example.test"})
    await crowd.desk.post(author={"email": "a@example.test"})
    await crowd.hear()
    assert len(await crowd.known()) == 3  # never silently
    one, two = await crowd.person("u1"), await crowd.person("u2")
    [mail] = [each for each in await crowd.known() if each["user_id"] is None]
    assert mail["email"] == "a@example.test"

    suggested = await crowd.suggested()

    assert {pair[0] for pair in suggested} == {"same_email"}
    assert len(suggested) == 3
    pair = suggested["same_email", *sorted((one, two))]
    for _ in range(2):
        await crowd.call("POST", f"/v1/people-suggestions/{pair}/dismiss", 204)
    await crowd.desk.post(author={"user_id": "u2", "email": "a@example.test"}, channel="email")
    await crowd.hear()
    assert pair not in (await crowd.suggested()).values()
    await crowd.merge(mail["id"], one)
    assert len(await crowd.suggested()) == 1  # the address and u2, who is not one with it
    await crowd.unmerge(mail["id"])
    assert len(await crowd.suggested()) == 2
    await crowd.call("POST", f"/v1/people-suggestions/{uuid4()}/dismiss", 404)


async def test_who_says_in_a_browser_to_be_somebody_is_not_them(crowd):
    asked = {"name": "site", "scopes": ["feedback:submit"], "publishable": True, "origins": ["https://shop.example"]}
    admin = await crowd.desk.api.key("feedback:admin")
    made = await crowd.desk.client.post("/v1/api-keys", json=asked, headers=admin)
    page = {"Authorization": f"Bearer {made.json()['key']}", "Origin": "https://shop.example"}
    mine = await crowd.desk.post(author={"user_id": "u1", "email": "a@example.test"})
    await crowd.desk.post(author={"user_id": "u2", "email": "b@example.test"})
    for email in ("a@example.test", "b@example.test"):
        body = {"body": "it is me", "author": {"user_id": "u1", "email": email}}
        answer = await crowd.desk.client.post("/v1/feedback", json=body, headers=page)
        assert answer.status_code == 201, answer.text
    await crowd.hear()

    [claim] = [each for each in await crowd.known() if not each["is_verified"]]
    [one] = [each["id"] for each in await crowd.known(user_id="u1") if each["is_verified"]]
    two = await crowd.person("u2")

    assert (claim["user_id"], claim["merged_into_id"]) == ("u1", None)
    assert await crowd.posts(one) == [mine["id"]]
    pairs = {pair[1:] for pair in await crowd.suggested()}
    assert tuple(sorted((one, two))) not in pairs  # a claim joins nobody else
    assert pairs == {tuple(sorted((claim["id"], one))), tuple(sorted((claim["id"], two)))}


async def test_one_address_that_many_claim_suggests_a_few_each(crowd):
    for at in range(14):
        await crowd.desk.post(author={"user_id": f"u{at}", "email": "a@example.test"})
        await crowd.hear([(await crowd.desk.api.events())[-1]])
    await crowd.desk.post(author={"user_id": "last", "email": "a@example.test"})
    await crowd.hear()
    last = await crowd.person("last")
    assert sum(last in pair for pair in await crowd.suggested()) == 10


async def test_merging_moves_all_and_parting_restores_both_exactly(crowd):
    one, two, three = await crowd.people("u1", "u2", "u3")
    before = [await crowd.ways(id) for id in (one, two, three)]
    posts = [await crowd.posts(id) for id in (one, two, three)]

    await crowd.merge(one, two)
    assert (await crowd.merge(two, three))["id"] == three

    assert sorted(await crowd.ways(three)) == sorted(joined(before))
    assert sorted(await crowd.posts(three)) == sorted(joined(posts))
    assert await crowd.posts(one) == posts[0]
    assert (
        [each["id"] for each in await crowd.known()]
        == [three]
        == [each["id"] for each in await crowd.known(user_id="u1")]
    )
    assert {each["merged_into_id"] for each in (await crowd.seen(three))["members"]} == {three}
    assert (await crowd.unmerge(two))["merged_into_id"] is None
    assert (await crowd.seen(one))["merged_into_id"] == two  # what was joined to it goes along
    await crowd.unmerge(one)
    assert [await crowd.ways(id) for id in (one, two, three)] == before
    assert [await crowd.posts(id) for id in (one, two, three)] == posts


async def test_there_are_no_chains_nor_cycles_and_who_is_not_there_is_not_found(crowd):
    one, two, three = await crowd.people("u1", "u2", "u3")
    await crowd.merge(one, two)
    assert (await crowd.merge(one, three, 409))["merged_into"] == two
    assert (await crowd.merge(three, one, 409))["merged_into"] == two
    await crowd.merge(two, one, 409)
    assert (await crowd.merge(three, three, 422))["errors"][0]["pointer"] == "/into"
    await crowd.merge(three, str(uuid4()), 404)
    await crowd.merge(str(uuid4()), three, 404)
    await crowd.unmerge(three, 409)
    await crowd.unmerge(str(uuid4()), 404)
    await crowd.call("GET", f"/v1/people/{uuid4()}", 404)


async def test_of_two_who_are_joined_crosswise_at_once_one_is(crowd):
    one, two = await crowd.people("u1", "u2")

    answers = await asyncio.gather(
        *(
            crowd.desk.client.post(f"/v1/people/{a}/merge", json={"into": b}, headers=crowd.desk.agent)
            for a, b in ((one, two), (two, one))
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12), run=st.uuids())
async def test_merging_and_parting_in_any_order_keeps_who_came_in_how(crowd, steps, run):
    people = await crowd.people(*(f"{run}-{at}" for at in range(5)))
    before = {id: await crowd.ways(id) for id in people}
    for source, into in steps:
        path = f"/v1/people/{people[source]}/"
        path, body = (f"{path}unmerge", None) if source == into else (f"{path}merge", {"into": people[into]})
        answer = await crowd.desk.client.post(path, json=body, headers=crowd.desk.agent)
        assert answer.status_code in {200, 409}
        stand = [id for id in people if (await crowd.seen(id))["merged_into_id"] is None]
        assert sorted(joined([await crowd.ways(id) for id in stand])) == sorted(joined(before.values()))
    for id in people:
        await crowd.desk.client.post(f"/v1/people/{id}/unmerge", headers=crowd.desk.agent)
    assert {id: await crowd.ways(id) for id in people} == before


async def test_who_was_erased_is_forgotten_also_when_it_is_heard_late_that_they_wrote(crowd):
    await crowd.desk.post(author={"user_id": "MARK", "email": "MARK@example.test", "name": "MARK"})
    await crowd.desk.post(author={"user_id": "u2", "email": "mark@example.test"})
    await crowd.hear()
    [mark], [other] = await crowd.known(user_id="MARK"), await crowd.known(user_id="u2")
    assert len(await crowd.suggested()) == 1
    await crowd.merge(other["id"], mark["id"])
    heard = await crowd.desk.api.events()
    erasure = make_event(UserErased(erasure_id=uuid4(), user_id="MARK", user_ids=["MARK"]), workspace="acme")

    await deliver(crowd.desk.api.db, ERASURES, erasure)
    await crowd.hear([event for event in heard if event.type == "feedback.received"])

    left = await crowd.seen(mark["id"])
    assert (left["user_id"], left["email"], left["name"]) == (None, None, None)
    assert [each["person_id"] for each in left["identities"]] == [other["id"]]  # who was merged with them stays
    assert await crowd.suggested() == {}
    async with crowd.desk.api.db.transaction(Context(workspace="acme")) as session:
        rows = "\n".join(await session.scalars(text("SELECT p::text FROM person AS p")))
    assert "MARK" not in rows
    await crowd.desk.post(author={"user_id": "MARK"})
    await crowd.hear()
    assert await crowd.person("MARK") != mark["id"]


async def test_others_see_nobody_and_who_only_reads_joins_nobody(crowd):
    one, two = await crowd.people("u1", "u2")
    foreign = await crowd.desk.api.key("feedback:read", "feedback:write", workspace="globex")
    for path in (f"/v1/people/{one}", f"/v1/people/{one}/merge", f"/v1/people/{one}/unmerge"):
        method = "GET" if path.endswith(one) else "POST"
        body = {"into": two} if path.endswith("/merge") else None
        assert (await crowd.desk.client.request(method, path, json=body, headers=foreign)).status_code == 404
    assert (await crowd.desk.client.get("/v1/people", headers=foreign)).json()["items"] == []
    reader = await crowd.desk.api.key("feedback:read")
    answer = await crowd.desk.client.post(f"/v1/people/{one}/merge", json={"into": two}, headers=reader)
    assert answer.status_code == 403
