"""What a workspace calls one thing: kept, changed, and known to posts that came in before."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from opsloop_common import limits
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.synonyms.schemas import SynonymsIn

PATH = "/v1/synonyms"


async def call(desk, method, path, body=None, *, expect=200, headers=None):
    answer = await desk.client.request(method, path, json=body, headers=headers or desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else None


async def hear(desk):
    """Do what follows of all that happened."""
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    for _ in range(2):
        desk.api.clock.advance(10)
        await run_due(desk.api.db, SERVICE.due)


async def like(desk, text):
    return [one["excerpt"] for one in (await desk.get("/v1/similar", text=text))["items"]]


async def test_posts_that_came_before_are_found_by_new_words_and_no_longer_when_these_are_gone(desk):
    for body in ("飞鸽盘打不开", "Pigeon Drive stays closed", "别的什么"):
        await desk.post(body=body)
    await hear(desk)
    assert await like(desk, "飞鸽盘") == ["飞鸽盘打不开"]

    made = await call(desk, "POST", PATH, {"terms": ["飞鸽盘", "pigeon drive"]}, expect=201)
    await hear(desk)

    job = await desk.get(f"/v1/jobs/{made['job_id']}")
    assert (job["status"], job["done"], job["total"]) == ("succeeded", 3, 3)
    assert set(await like(desk, "飞鸽盘")) == {"飞鸽盘打不开", "Pigeon Drive stays closed"}

    await call(desk, "DELETE", f"{PATH}/{made['id']}", expect=204)
    await hear(desk)
    assert await like(desk, "飞鸽盘") == ["飞鸽盘打不开"]


async def test_another_change_begins_anew_and_one_that_changes_nothing_reads_nothing(desk, monkeypatch):
    monkeypatch.setattr(indexing, "INDEXED_AT_ONCE", 1)
    for body in ("蹦了", "crash", "闪退"):
        await desk.post(body=body)
    made = await call(desk, "POST", PATH, {"terms": ["蹦了", "hopped"]}, expect=201)

    changed = await call(desk, "PATCH", f"{PATH}/{made['id']}", {"terms": ["蹦了", "闪退"]})
    same = await call(desk, "PATCH", f"{PATH}/{made['id']}", {"terms": ["蹦了", "闪退"]})
    await hear(desk)

    assert made["job_id"] != changed["job_id"] == same["job_id"]
    assert (await desk.get(f"/v1/jobs/{made['job_id']}"))["status"] == "cancelled"
    assert (await desk.get(f"/v1/jobs/{changed['job_id']}"))["done"] == 3
    assert set(await like(desk, "crash")) == {"蹦了", "crash", "闪退"}


async def test_they_are_listed_shown_and_guarded_by_their_version(desk):
    one = await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201)
    two = await call(desk, "POST", PATH, {"terms": ["two", "zwei"]}, expect=201)

    assert [each["id"] for each in (await desk.get(PATH))["items"]] == [two["id"], one["id"]]
    assert (await desk.get(f"{PATH}/{one['id']}"))["terms"] == ["one"]
    stale = desk.agent | {"If-Match": '"7"'}
    await call(desk, "PATCH", f"{PATH}/{one['id']}", {"terms": ["x y"]}, expect=412, headers=stale)
    await call(desk, "GET", f"{PATH}/{UUID(int=1)}", expect=404)


@pytest.mark.parametrize("terms", [[], ["x"], ["x" * 41], ["\u200b\u200b"], ["word"] * 11, [1], None, ["with\x00nul"]])
def test_bounds_are_told(terms):
    with pytest.raises(ValidationError):
        SynonymsIn.model_validate({"terms": terms})


async def test_a_workspace_has_so_many(desk, monkeypatch):
    monkeypatch.setattr(limits, "SYNONYM_GROUPS_PER_WORKSPACE", 1)
    await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201)

    refused = await call(desk, "POST", PATH, {"terms": ["two"]}, expect=409)

    assert refused["type"].endswith("too_many")


async def test_who_may_only_read_changes_nothing_and_strangers_see_nothing(desk):
    made = await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201)
    reader = await desk.api.key("feedback:read")
    stranger = await desk.api.key("feedback:read", "feedback:write", workspace="other")

    await call(desk, "POST", PATH, {"terms": ["two"]}, expect=403, headers=reader)
    await call(desk, "DELETE", f"{PATH}/{made['id']}", expect=404, headers=stranger)
    assert (await call(desk, "GET", PATH, headers=stranger))["items"] == []
    await call(desk, "GET", PATH, expect=401, headers={"Authorization": "Bearer nobody"})


async def test_what_one_workspace_calls_something_is_not_what_another_does(desk):
    await call(desk, "POST", PATH, {"terms": ["蹦了", "闪退"]}, expect=201)
    other = await desk.api.key("feedback:read", "feedback:write", workspace="other")
    for headers in (desk.agent, other):
        await call(desk, "POST", "/v1/feedback", {"body": "应用蹦了"}, expect=201, headers=headers)
    await hear(desk)

    found = await call(desk, "GET", "/v1/similar?text=crash", headers=other)

    assert found["items"] == []
    assert await like(desk, "crash") == ["应用蹦了"]
