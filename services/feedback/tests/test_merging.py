"""One post stands for others: nothing is lost, nothing is counted twice, and all of it can be undone."""

import asyncio
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from opsloop_common.db import Context
from opsloop_common.inbox.tables import parked_event
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.merging import rules

TEXTS = ("登录时闪退", "App crashes on login", "打开就闪退，登不进去", "It crashed while I signed in")


async def call(desk, method, path, body=None, *, expect=200, headers=None):
    answer = await desk.client.request(method, path, json=body, headers=headers or desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else None


async def merge(desk, source, into, expect=200):
    return await call(desk, "POST", f"/v1/feedback/{source}/merge", {"into": into}, expect=expect)


async def unmerge(desk, source, expect=200):
    return await call(desk, "POST", f"/v1/feedback/{source}/unmerge", expect=expect)


async def seen(desk, id):
    found = await desk.get(f"/v1/feedback/{id}")
    return found["status"], found["merged_into_id"], found["affected_users"]


async def posts(desk, *authors):
    return [
        (await desk.post(body=TEXTS[at % 4], **({"author": {"user_id": who}} if who else {})))["id"]
        for at, who in enumerate(authors)
    ]


async def hear(desk):
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    desk.api.clock.advance(10)
    await run_due(desk.api.db, SERVICE.due)


async def told(desk, type):
    return [event.data for event in await desk.api.events() if event.type == type]


async def test_one_stands_for_the_other_and_is_told_of_and_parts_again_as_it_was(desk):
    one, other = await posts(desk, "u1", "u2")
    await desk.patch(one, status="pending")

    answer = await merge(desk, one, other)

    assert (answer["id"], answer["affected_users"]) == (other, 2)
    assert await seen(desk, one) == ("merged", other, 1)
    [event] = await told(desk, "feedback.merged")
    assert (event["into_id"], event["affected_users"], event["is_automatic"]) == (other, 2, False)
    source = (await desk.get(f"/v1/feedback/{one}"))["source"]
    assert event["source"] == source
    assert (await unmerge(desk, one))["id"] == one
    assert await seen(desk, one) == ("pending", None, 1)
    assert await seen(desk, other) == ("new", None, 1)
    [event] = await told(desk, "feedback.unmerged")
    assert (event["from_id"], event["affected_users"], event["source"]) == (other, 1, source)


async def test_users_are_counted_once_over_all_that_one_stands_for_and_come_back_exactly(desk):
    heads = await posts(desk, "u1", "u2", "u3", None)
    members = [await posts(desk, *who) for who in (("u1", "u5"), ("u2", "u1"), ("u6",), (None,))]
    for head, own in zip(heads, members, strict=True):
        for member in own:
            await merge(desk, member, head)
    before = [await seen(desk, head) for head in heads]
    assert [affected for *_, affected in before] == [2, 2, 2, 2]

    for head in heads[1:]:
        await merge(desk, head, heads[0])

    assert (await seen(desk, heads[0]))[2] == 7  # u1 u2 u3 u5 u6 and two whom nobody knows
    assert {(await seen(desk, member))[1] for own in members for member in own} == {heads[0]}
    for head in heads[1:]:
        await unmerge(desk, head)
    assert [await seen(desk, head) for head in heads] == before


async def test_there_are_no_chains_and_nobody_is_merged_into_itself(desk):
    one, two, three = await posts(desk, "u1", "u2", "u3")
    await merge(desk, one, two)

    again = await merge(desk, one, three, expect=409)
    into_merged = await merge(desk, three, one, expect=409)

    assert again["merged_into"] == into_merged["merged_into"] == two
    assert (await merge(desk, three, three, expect=422))["errors"][0]["pointer"] == "/into"
    await merge(desk, two, one, expect=409)
    await merge(desk, three, str(uuid4()), expect=404)
    await merge(desk, str(uuid4()), three, expect=404)
    await unmerge(desk, three, expect=409)


async def test_what_leaves_a_group_takes_along_what_was_merged_into_it(desk):
    a, b, c, d = await posts(desk, "u1", "u2", "u3", "u4")
    await merge(desk, a, b)
    await merge(desk, b, c)
    await merge(desk, c, d)

    await unmerge(desk, b)

    assert await seen(desk, a) == ("merged", b, 1)
    assert await seen(desk, b) == ("new", None, 2)
    assert (await seen(desk, d))[2] == 2
    await unmerge(desk, c)
    assert [(await seen(desk, id))[2] for id in (b, c, d)] == [2, 1, 1]


async def test_two_that_merge_each_other_at_once_are_not_both_right(desk):
    for _ in range(3):
        one, other = await posts(desk, "u1", "u2")

        answers = await asyncio.gather(
            *(
                desk.client.post(f"/v1/feedback/{a}/merge", json={"into": b}, headers=desk.agent)
                for a, b in ((one, other), (other, one))
            )
        )

        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert sorted([(await seen(desk, id))[0] for id in (one, other)]) == ["merged", "new"]


async def test_a_reply_to_what_was_merged_lands_where_it_was_merged_into_and_a_note_stays(desk):
    one, other = await posts(desk, "u1", "u2")
    await merge(desk, one, other)

    path = f"/v1/feedback/{one}/messages"
    reply = await call(desk, "POST", path, {"kind": "reply", "body": "mended"}, expect=201)
    note = await call(desk, "POST", path, {"kind": "note", "body": "same as the other"}, expect=201)

    assert (reply["feedback_id"], note["feedback_id"]) == (other, one)
    assert (await seen(desk, other))[0] == "open"
    assert [each["id"] for each in (await desk.get(f"/v1/feedback/{other}/messages"))["items"]] == [reply["id"]]


async def test_what_is_merged_is_found_as_the_one_that_stands_for_it(desk):
    ids = await posts(desk, "u1", "u2", "u3")
    await hear(desk)
    await merge(desk, ids[1], ids[0])

    async def found():
        return {one["id"] for one in (await desk.get("/v1/similar", text="登录闪退"))["items"]}

    assert await found() == {ids[0], ids[2]}
    await unmerge(desk, ids[1])
    assert await found() == set(ids)


async def test_exact_repeats_join_by_themselves_and_can_be_parted(desk):
    first = await desk.post(body="支付失败，重复扣款！", author={"user_id": "u1"})
    await hear(desk)
    repeats = [
        await desk.post(body=body, author={"user_id": who})
        for body, who in (("支付失敗 重复扣款", "u2"), ("支付失败，重复扣款！！", "u1"), ("支付失败；重复扣款", "u3"))
    ]
    others = [await desk.post(body=body) for body in ("支付没失败，重复扣款！", "支付失败，重复退款！")]
    await hear(desk)
    await hear(desk)

    assert (await seen(desk, first["id"]))[2] == 3
    assert {(await seen(desk, one["id"]))[:2] for one in repeats} == {("merged", first["id"])}
    assert {(await seen(desk, one["id"]))[0] for one in others} == {"new"}
    assert {event["is_automatic"] for event in await told(desk, "feedback.merged")} == {True}
    assert len(await told(desk, "feedback.merged")) == 3
    await unmerge(desk, repeats[0]["id"])
    await hear(desk)
    assert await seen(desk, repeats[0]["id"]) == ("new", None, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"area": "web"},
        {"attributes": {"platform": "ios"}},
        {"attributes": {"version": "5.2"}},
        {"title": "otherwise"},
        {"body": "Payment fails ever since version 6"},
    ],
)
async def test_what_is_about_something_else_never_joins_by_itself(desk, other):
    said = {"body": "Payment fails ever since version 5"}
    one = await desk.post(**said)
    two = await desk.post(**(said | other))

    await hear(desk)

    assert [(await seen(desk, each["id"]))[0] for each in (one, two)] == ["new", "new"]


async def test_what_comes_back_after_it_was_resolved_is_seen_by_people_and_then_joined(desk):
    body = "Payment fails ever since version 5"
    one = await desk.post(body=body)
    await desk.patch(one["id"], status="resolved")
    two = await desk.post(body=body)
    await hear(desk)
    assert (await seen(desk, two["id"]))[0] == "new"

    three = await desk.post(body=body)
    await hear(desk)

    assert await seen(desk, three["id"]) == ("merged", two["id"], 1)


async def test_repeats_of_what_was_merged_follow_it_and_what_somebody_works_on_stays(desk):
    body = "Payment fails ever since version 5"
    one, into = await desk.post(body=body), await desk.post(body="The card is refused")
    await hear(desk)
    await merge(desk, one["id"], into["id"])
    repeat, at_work = await desk.post(body=body), await desk.post(body=body)
    await desk.patch(at_work["id"], status="open")

    await hear(desk)

    assert (await seen(desk, repeat["id"]))[1] == into["id"]
    assert (await seen(desk, at_work["id"]))[0] == "open"


async def test_one_stands_for_so_many(desk, monkeypatch):
    monkeypatch.setattr(rules, "MERGED_INTO_ONE", 2)
    body = "Payment fails ever since version 5"
    ids = [(await desk.post(body=body))["id"] for _ in range(5)]
    await hear(desk)
    assert [(await seen(desk, id))[0] for id in ids] == ["new", "merged", "merged", "new", "new"]

    refused = await merge(desk, ids[3], ids[0], expect=409)

    assert refused["type"].endswith("too_many")

    # none of those that come later finds room, and each is read all the same
    later = (await desk.post(body=body))["id"]
    await hear(desk)
    assert (await seen(desk, later))[0] == "new"
    async with desk.api.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(parked_event)) == 0


async def test_who_may_not_write_or_is_a_stranger_merges_nothing(desk):
    one, other = await posts(desk, "u1", "u2")
    reader = await desk.api.key("feedback:read")
    stranger = await desk.api.key("feedback:read", "feedback:write", workspace="other")

    for headers, expect in ((reader, 403), (stranger, 404), ({"Authorization": "Bearer x"}, 401)):
        for action, body in (("merge", {"into": other}), ("unmerge", None)):
            await call(desk, "POST", f"/v1/feedback/{one}/{action}", body, expect=expect, headers=headers)

    assert await seen(desk, one) == ("new", None, 1)


async def test_history_says_who_did_it_and_a_retry_with_its_key_does_it_once(desk):
    one, other = await posts(desk, "u1", "u2")
    headers = desk.agent | {"Idempotency-Key": "once"}
    path = f"/v1/feedback/{one}/merge"

    first = await call(desk, "POST", path, {"into": other}, headers=headers)
    again = await call(desk, "POST", path, {"into": other}, headers=headers)
    await unmerge(desk, one)

    assert first == again
    admin = await desk.api.key("feedback:admin")
    told = (await call(desk, "GET", "/v1/audit", headers=admin))["items"]
    assert [each["action"] for each in told if "merged" in each["action"]] == ["feedback.unmerged", "feedback.merged"]


async def test_a_merged_post_has_no_other_state_until_it_parts(desk):
    one, other = await posts(desk, "u1", "u2")
    await merge(desk, one, other)

    refused = await desk.patch(one, expect=409, status="open")

    assert refused["allowed"] == []
    assert refused["status"] == 409
    assert (await desk.patch(one, severity="s1"))["status"] == "merged"
    assert [each["id"] for each in (await desk.get("/v1/feedback", status="merged"))["items"]] == [one]


steps = st.lists(
    st.tuples(st.sampled_from(("merge", "unmerge")), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=14
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, authors=st.lists(st.sampled_from(("u1", "u2", "u3", None)), min_size=6, max_size=6))
async def test_merging_and_parting_in_any_order_conserve_items_and_users(desk, steps, authors):
    ids = await posts(desk, *authors)
    parent: dict[int, int] = {}

    def root(at):
        while at in parent:
            at = parent[at]
        return at

    for action, one, other in steps:
        if action == "merge":
            allowed = one != other and one not in parent and other not in parent
            await merge(desk, ids[one], ids[other], expect=200 if allowed else 422 if one == other else 409)
            if allowed:
                parent[one] = other
        else:
            await unmerge(desk, ids[one], expect=200 if one in parent else 409)
            parent.pop(one, None)
    who = [author or str(at) for at, author in enumerate(authors)]
    for at, id in enumerate(ids):
        status, into, affected = await seen(desk, id)
        if at in parent:
            assert (status, into) == ("merged", ids[root(at)])
        else:
            assert (status, into) == ("new", None)
            assert affected == len({who[each] for each in range(6) if root(each) == at})
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        chained = text(
            "SELECT count(*) FROM feedback AS f JOIN feedback AS t ON t.id = f.merged_into_id WHERE t.merged_into_id IS NOT NULL"
        )
        assert await session.scalar(chained) == 0
