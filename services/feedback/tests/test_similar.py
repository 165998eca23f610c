"""What else was said about the same: through the door, after the index heard of the posts."""

from uuid import uuid4

import pytest

from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS

SAID = (
    "希望支持导出报表为 Excel",
    "Export report to XLSX",
    "不想再导出报表了，太乱",
    "报表导出 PDF 的时候排版错了",
    "支付失败，而且重复扣款两次",
    "Dark mode please, my eyes hurt at night",
    "登录的时候一直闪退",
    "App crashes whenever I sign in",
)


async def hear(desk):
    """Read into the index what came in so far, and add up how rare its words are."""
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    desk.api.clock.advance(10)
    await run_due(desk.api.db, SERVICE.due)


@pytest.fixture
async def told(desk):
    """Return a desk that heard all of it, and what is called what."""
    ids = {body: (await desk.post(body=body))["id"] for body in SAID}
    await hear(desk)
    return desk, ids


async def like(desk, text, **params):
    return (await desk.get("/v1/similar", text=text, **params))["items"]


async def test_both_languages_are_found_with_reasons_and_what_says_otherwise_comes_later(told):
    desk, _ = told

    found = await like(desk, "报表能不能导出成excel")

    assert {one["excerpt"] for one in found[:2]} == {SAID[0], SAID[1]}
    assert all(0 < one["score"] <= 1 for one in found)
    assert set(found[1]["shared"]) == {"报表", "导出", "excel"}
    assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)


async def test_a_post_is_like_others_and_not_like_itself(told):
    desk, ids = told

    found = (await desk.get(f"/v1/feedback/{ids['登录的时候一直闪退']}/similar", limit=1))["items"]

    assert [one["id"] for one in found] == [ids["App crashes whenever I sign in"]]


async def test_traditional_characters_find_simplified_ones(told):
    desk, ids = told

    assert (await like(desk, "報表匯出"))[0]["id"] in (ids[SAID[0]], ids[SAID[1]])


async def test_hearing_twice_and_late_changes_nothing(told):
    desk, _ = told
    before = await like(desk, "登录闪退")

    await deliver(
        desk.api.db, ARRIVALS, *[event.model_copy(update={"id": uuid4()}) for event in await desk.api.events()]
    )
    await hear(desk)

    assert await like(desk, "登录闪退") == before


async def test_nonsense_is_refused_and_what_says_nothing_finds_nothing(told):
    desk, _ = told

    for params in ({}, {"text": ""}, {"text": "x" * 2_001}, {"text": "a", "limit": 0}, {"text": "a", "limit": 21}):
        await desk.get("/v1/similar", expect=422, **params)
    assert await like(desk, "的了吗") == []
    assert await like(desk, "…!?") == []
    await desk.get(f"/v1/feedback/{uuid4()}/similar", expect=404)
    assert len(await like(desk, "登录闪退 crash export 报表", limit=2)) == 2


async def test_strangers_and_those_who_may_only_add_see_nothing(told):
    desk, ids = told
    stranger = await desk.api.key("feedback:read", workspace="other")
    submit = await desk.api.key("feedback:submit")
    one = f"/v1/feedback/{ids[SAID[0]]}/similar"

    async def status(path, headers, **params):
        return (await desk.client.get(path, params=params, headers=headers)).status_code

    assert (await desk.client.get("/v1/similar", params={"text": "登录"}, headers=stranger)).json() == {"items": []}
    assert await status(one, stranger) == 404
    assert {await status(one, submit), await status("/v1/similar", submit, text="a")} == {403}
    assert {await status(one, {}), await status("/v1/similar", {}, text="a")} == {401}


async def test_a_post_that_was_not_read_yet_is_asked_about_all_the_same(told):
    desk, ids = told
    new = await desk.post(body="一登录就闪退")

    found = (await desk.get(f"/v1/feedback/{new['id']}/similar"))["items"]

    assert found[0]["id"] in (ids[SAID[6]], ids[SAID[7]])


async def test_the_longest_post_is_read_and_asked_about_within_bounds(desk):
    long = await desk.post(body="登录 crash 很长的词" * 3_000)
    word = await desk.post(body="x" * 50_000)
    digits = await desk.post(body="9" * 50_000)
    await hear(desk)

    for one in (long, word, digits):
        assert (await desk.get(f"/v1/feedback/{one['id']}/similar"))["items"] == []
    assert [one["id"] for one in await like(desk, "登录 crash")] == [long["id"]]
