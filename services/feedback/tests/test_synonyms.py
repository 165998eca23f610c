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


async def test_they_stand_in_the_audit_log_without_their_words(desk):
    made = await call(desk, "POST", PATH, {"terms": ["secretword", "another"]}, expect=201)
    await call(desk, "PATCH", f"{PATH}/{made['id']}", {"terms": ["secretword", "third"]})
    admin = await desk.api.key("feedback:admin")

    told = (await call(desk, "GET", "/v1/audit", headers=admin))["items"]

    actions = [each["action"] for each in told if each["action"].startswith("synonym_group.")]
    assert actions == ["synonym_group.updated", "synonym_group.created"]
    assert "secretword" not in str(told)


@pytest.mark.parametrize(
    ("terms", "said", "asked"),
    [
        (["飞鸽盘", "pigeon drive"], "飞鸽盘真好用", "Pigeon Drive"),
        (["KPI看板", "kpi board"], "KPI看板打不开", "the KPI board"),
        (["雲盤", "pd"], "云盘同步失败", "PD"),
        (["Ｗｉｄｇｅｔ Ｐｒｏ", "小部件专业版"], "小部件专业版闪退", "widget pro"),
        (["蹦了", "crash"], "又蹦了", "force close"),
        (["check out faster", "快速结账"], "需要快速结账", "checking out faster"),
    ],
)
async def test_words_of_any_spelling_and_language_meet(desk, terms, said, asked):
    await call(desk, "POST", PATH, {"terms": terms}, expect=201)
    await desk.post(body=said)
    await desk.post(body="something else altogether")
    await hear(desk)

    assert await like(desk, asked) == [said]


async def test_search_knows_them_too(desk):
    await call(desk, "POST", PATH, {"terms": ["飞鸽盘", "pigeon drive"]}, expect=201)
    await desk.post(body="飞鸽盘打不开")
    await hear(desk)

    found = (await desk.get("/v1/search", q="pigeon drive"))["items"]

    assert [one["highlights"][0]["spans"] for one in found] == [[[0, 3]]]


async def test_a_retry_with_its_key_makes_one_group(desk):
    headers = desk.agent | {"Idempotency-Key": "once"}

    one = await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201, headers=headers)
    again = await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201, headers=headers)

    assert one == again
    assert len((await desk.get(PATH))["items"]) == 1


async def test_as_many_as_there_may_be_are_read_within_a_moment(desk, monkeypatch):
    monkeypatch.setattr(limits, "SYNONYM_GROUPS_PER_WORKSPACE", 20)
    for at in range(20):
        await call(desk, "POST", PATH, {"terms": [f"word{at} part{each}" for each in range(10)]}, expect=201)
    await desk.post(body="word7 part3")
    await hear(desk)

    assert await like(desk, "word7 part9") == ["word7 part3"]
    assert await like(desk, "word8 part9") == []


async def test_jobs_that_read_posts_are_one_at_a_time(desk):
    made = [await call(desk, "POST", PATH, {"terms": [f"word{at}"]}, expect=201) for at in range(3)]

    states = [(await desk.get(f"/v1/jobs/{one['job_id']}"))["status"] for one in made]

    assert states[:2] == ["cancelled", "cancelled"]
    assert states[2] not in ("cancelled", "succeeded")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/terms"),
        ({"terms": "word"}, "/terms"),
        ({"terms": []}, "/terms"),
        ({"terms": ["x"]}, "/terms/0"),
        ({"terms": ["fine", "y" * 41]}, "/terms/1"),
        ({"terms": ["fine", 7]}, "/terms/1"),
        ({"terms": ["fine", None]}, "/terms/1"),
        ({"terms": ["fine"] * 11}, "/terms"),
        ({"terms": ["fine"], "more": 1}, "/more"),
        ({"terms": ["\u200b\u200b"]}, "/terms/0"),
    ],
)
async def test_what_is_wrong_is_named(desk, body, pointer):
    refused = await call(desk, "POST", PATH, body, expect=422)

    assert [each["pointer"] for each in refused["errors"]] == [pointer]


async def test_a_patch_of_nothing_changes_nothing_and_null_is_refused(desk):
    made = await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201)
    one = f"{PATH}/{made['id']}"

    assert await call(desk, "PATCH", one, {}) == made
    await call(desk, "PATCH", one, {"terms": None}, expect=422)
    assert await call(desk, "GET", one) == made


async def test_pages_follow_one_another(desk):
    ids = [(await call(desk, "POST", PATH, {"terms": [f"word{at}"]}, expect=201))["id"] for at in range(5)]

    first = await desk.get(PATH, limit=3)
    second = await desk.get(PATH, limit=3, cursor=first["next_cursor"])

    assert [one["id"] for page in (first, second) for one in page["items"]] == ids[::-1]
    assert second["next_cursor"] is None


async def test_what_is_gone_is_gone_and_its_place_is_free(desk, monkeypatch):
    monkeypatch.setattr(limits, "SYNONYM_GROUPS_PER_WORKSPACE", 1)
    made = await call(desk, "POST", PATH, {"terms": ["one"]}, expect=201)

    await call(desk, "DELETE", f"{PATH}/{made['id']}", expect=204)

    await call(desk, "GET", f"{PATH}/{made['id']}", expect=404)
    await call(desk, "DELETE", f"{PATH}/{made['id']}", expect=404)
    await call(desk, "POST", PATH, {"terms": ["two"]}, expect=201)
