"""What is kept of views: every filter as it was given, whose they are over keys, what the audit log holds, and counts within bounds."""

import asyncio

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_feedback.items import counting

PATH = "/v1/views"
FILTERS = {
    "status": ["new", "open"],
    "kind": ["bug"],
    "channel": ["api", "store_review"],
    "severity": ["s1", "s2"],
    "author": ["org/ann", "who@example.com"],
    "tag": ["a b", "支付&退款"],
    "area": ["iOS"],
    "source": ["partner-a"],
    "external_id": ["1/2"],
    "number": [1, 2**63 - 1],
    "assignee": ["zoe"],
    "team": ["pay"],
    "created_from": "2026-11-01T00:00:00Z",
    "created_to": "2026-12-01T00:00:00Z",
    "due_before": "2026-11-30T08:00:00Z",
    "updated_from": "2026-11-02T00:00:00Z",
    "text": "支付 + 50%",
}


async def make(desk, headers=None, expect=201, **fields):
    answer = await desk.client.post(PATH, json={"name": "mine"} | fields, headers=desk.agent | (headers or {}))
    assert answer.status_code == expect, answer.text
    return answer


async def test_every_filter_is_kept_and_asks_the_list_the_same(desk):
    made = (await make(desk, filters=FILTERS, sort="-affected")).json()

    assert made["filters"] == FILTERS
    answer = await desk.client.get(f"/v1/feedback?{made['query']}&facets=status", headers=desk.agent)
    assert answer.status_code == 200, answer.text
    assert answer.json()["items"] == []


@pytest.mark.parametrize("name", list(FILTERS))
async def test_each_filter_alone_shows_what_is_counted(desk, name):
    post = await desk.post(
        body="支付 50% +", tags=["a b"], area="iOS", kind="bug", author={"user_id": "org/ann"}, external_id="1/2"
    )
    await desk.patch(post["id"], team="pay", assignee="zoe", severity="s1", due_at="2026-11-30T00:00:00Z")
    value = [post["number"]] if name == "number" else [post["source"]] if name == "source" else FILTERS[name]
    made = (await make(desk, filters={name: value})).json()

    listed = (await desk.client.get(f"/v1/feedback?{made['query']}", headers=desk.agent)).json()["items"]
    counts = (await desk.get(PATH, counts="true"))["counts"]

    assert [each["id"] for each in listed] == [post["id"]]
    assert counts == {made["id"]: {"count": 1, "is_exact": True}}


async def test_the_next_key_of_a_source_has_its_views(desk):
    first, second = [
        await desk.api.key("feedback:read", "feedback:write", name=name, source="support") for name in ("old", "new")
    ]
    made = (await make(desk, headers=first)).json()

    answer = await desk.client.get(f"{PATH}/{made['id']}", headers=second)

    assert (answer.status_code, answer.json()["is_mine"]) == (200, True)


async def test_goes_without_saying(desk):
    made = (await make(desk)).json()

    assert (made["filters"], made["sort"], made["query"]) == ({}, "-created", "sort=-created")
    assert (made["is_shared"], made["is_mine"]) == (False, True)


async def test_what_is_asked_twice_with_one_key_is_one_view(desk):
    keyed = {"Idempotency-Key": "once"}

    first, again = [await make(desk, headers=keyed) for _ in range(2)]

    assert again.headers["idempotency-replayed"] == "true"
    assert (again.json(), again.headers["etag"]) == (first.json(), '"1"')
    assert first.headers["location"].endswith(f"views/{first.json()['id']}")
    assert len((await desk.get(PATH))["items"]) == 1


async def test_the_audit_log_says_what_was_done_and_none_of_the_words(desk):
    made = (await make(desk, name="秘密", filters={"author": ["who@example.com"]})).json()
    path = f"{PATH}/{made['id']}"
    await desk.client.patch(path, json={"sort": "due", "name": "更秘密"}, headers=desk.agent)
    await desk.client.patch(path, json={"sort": "due"}, headers=desk.agent)
    await desk.client.delete(path, headers=desk.agent)

    log = await desk.client.get("/v1/audit", headers=await desk.api.key("feedback:admin"))
    told = [entry for entry in log.json()["items"] if entry["subject"] == f"feedback_view/{made['id']}"]
    assert [entry["action"] for entry in told] == [
        "feedback_view.deleted",
        "feedback_view.updated",
        "feedback_view.created",
    ]
    assert told[1]["after"]["sort"] == "due"
    assert "秘密" not in str(told)
    assert "example.com" not in str(told)


async def test_two_who_change_one_version_are_told_apart(desk):
    path = f"{PATH}/{(await make(desk, is_shared=True)).json()['id']}"
    seen = desk.agent | {"If-Match": '"1"'}

    answers = await asyncio.gather(
        *(desk.client.patch(path, json={"name": name}, headers=seen) for name in ("one", "two"))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_counts_of_many_views_share_what_is_looked_at(desk, monkeypatch):
    monkeypatch.setattr(counting, "FACET_CHECKS", 6)
    for _ in range(4):
        await desk.post()
    await make(desk)
    alone = (await desk.get(PATH, counts="true"))["counts"]
    for _ in range(2):
        await make(desk)

    together = (await desk.get(PATH, counts="true"))["counts"]

    assert [each["is_exact"] for each in alone.values()] == [True]
    assert [each["is_exact"] for each in together.values()] == [False] * 3


async def test_pages_of_views_go_on_where_they_ended(desk):
    made = [(await make(desk, name=f"view {n}")).json()["id"] for n in range(5)]

    first = await desk.get(PATH, limit=2)
    await make(desk, name="later")
    rest = await desk.get(PATH, limit=5, cursor=first["next_cursor"])

    assert [each["id"] for each in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_neighbours_see_no_row(desk):
    await make(desk, is_shared=True)

    async with desk.api.db.transaction(Context("other")) as session:
        assert await session.scalar(text("SELECT count(*) FROM feedback_view")) == 0
