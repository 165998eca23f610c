"""Search finds what is spoken of, in either language and script, with the filters of the list, page by page."""

import pytest

from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.search.rules import EXCERPT_CHARACTERS, highlights
from opsloop_feedback.terms.rules import asked

SAID = (
    "希望支持导出报表为 Excel",
    "Export report to XLSX",
    "报表导出以后打不开",
    "支付宝付款失败",
    "登录的时候一直闪退",
)


async def hear(desk):
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    desk.api.clock.advance(10)
    await run_due(desk.api.db, SERVICE.due)


async def found(desk, q, **params):
    return [one["feedback"]["body"] for one in (await desk.get("/v1/search", q=q, **params))["items"]]


@pytest.fixture
async def told(desk):
    for body in SAID:
        await desk.post(body=body)
    await hear(desk)
    return desk


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("导出", {0, 1, 2}),
        ("导出报表", {0, 1, 2}),
        ("報表匯出", {0, 1, 2}),
        ("EXPORTING reports", {0, 1, 2}),
        ("excel 导出", {0, 1}),
        ("支付", {3}),
        ("支付宝", {3}),
        ("sign in", {4}),
        ("登录 导出", set()),
        ("登录的时候一直", {4}),
        ("nowhere", set()),
        ("的", set()),
    ],
)
async def test_all_that_is_asked_for_is_spoken_of(told, query, wanted):
    assert set(await found(told, query)) == {SAID[at] for at in wanted}


async def test_it_shows_where_and_renders_nothing(told):
    [one] = (await told.get("/v1/search", q="log in"))["items"]

    [shown] = one["highlights"]
    assert shown["field"] == "body"
    assert [shown["excerpt"][start:end] for start, end in shown["spans"]] == ["登录"]


async def test_filters_narrow_and_pages_follow_one_another_newest_first(told):
    await told.post(body="导出又坏了", area="web")
    await hear(told)

    assert await found(told, "导出", area="web") == ["导出又坏了"]
    assert await found(told, "导出", area="web", status="closed") == []
    first = await told.get("/v1/search", q="导出", limit=3)
    second = await told.get("/v1/search", q="导出", limit=3, cursor=first["next_cursor"])
    numbers = [one["feedback"]["number"] for page in (first, second) for one in page["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert (len(numbers), second["next_cursor"]) == (4, None)


async def test_what_was_merged_is_found_and_repeats_are_found_once(told):
    ids = {one["body"]: one["id"] for one in (await told.get("/v1/feedback"))["items"]}
    body = {"into": ids[SAID[0]]}
    answer = await told.client.post(f"/v1/feedback/{ids[SAID[2]]}/merge", json=body, headers=told.agent)
    assert answer.status_code == 200
    await told.post(body=SAID[4])
    await hear(told)

    merged = (await told.get("/v1/search", q="打不开"))["items"]

    assert [one["feedback"]["merged_into_id"] for one in merged] == [ids[SAID[0]]]
    assert await found(told, "闪退") == [SAID[4]]


async def test_filters_are_those_of_the_list(desk):
    contract = (await desk.client.get("/openapi.json")).json()

    def names(path):
        return {each["name"] for each in contract["paths"][path]["get"]["parameters"] if each["in"] == "query"}

    assert names("/v1/search") - {"q"} == names("/v1/feedback") - {"sort", "facets"}


async def test_strangers_find_nothing_and_nonsense_is_refused(told):
    other = await told.api.key("feedback:read", workspace="other")
    submit = await told.api.key("feedback:submit")

    async def status(headers, **params):
        answer = await told.client.get("/v1/search", params=params, headers=headers)
        return answer.status_code, answer.json().get("items")

    assert await status(other, q="导出") == (200, [])
    assert (await status(submit, q="导出"))[0] == 403
    assert (await status({}, q="导出"))[0] == 401
    for params in ({}, {"q": ""}, {"q": "x" * 201}, {"q": "a", "cursor": "x"}, {"q": "a", "limit": 0}):
        assert (await status(told.agent, **params))[0] == 422


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("导出报表", ["=export", "=report"]),
        ("深圳北站", ["深圳", "圳北", "北站"]),
        ("太卡了", ["太卡"]),
        ("the of", []),
    ],
)
def test_long_words_are_asked_for_by_their_pairs(query, terms):
    assert set(asked(query)) >= set(terms) - {"卡"}
    assert all(len(term) <= 2 or term[0] == "=" for term in asked(query))


def test_highlights_count_characters_of_the_text_as_it_was_written():
    [shown] = highlights(None, "ﬁrst … ＥＸＰＯＲＴ of 報表", asked("export report"))

    assert [shown.excerpt[start:end] for start, end in shown.spans] == ["ＥＸＰＯＲＴ", "報表"]


def test_long_texts_are_shown_around_the_first_place():
    [shown] = highlights(None, "x " * 500 + "导出" + " y" * 500, asked("导出"))

    assert len(shown.excerpt) == EXCERPT_CHARACTERS
    assert [shown.excerpt[start:end] for start, end in shown.spans] == ["导出"]


async def test_pages_of_large_posts_are_shown_by_their_beginnings(desk):
    await desk.post(body="导出 " + "很长" * 20_000)
    await hear(desk)

    [one] = (await desk.get("/v1/search", q="导出"))["items"]

    assert one["highlights"][0]["spans"] == [[0, 2]]
    assert len(one["highlights"][0]["excerpt"]) == EXCERPT_CHARACTERS


async def test_title_and_body_are_both_searched_and_shown(desk):
    await desk.post(body="the report is wrong", title="Export")
    await hear(desk)

    [one] = (await desk.get("/v1/search", q="export report"))["items"]

    assert [shown["field"] for shown in one["highlights"]] == ["title", "body"]
    assert await found(desk, "export nothingelse") == []


@pytest.mark.parametrize("query", ["'", "%", "\\", "&|!", "导出'--", "a\u0301", "<b>", "(((", "*"])
async def test_nothing_in_a_query_is_syntax(told, query):
    answer = await told.client.get("/v1/search", params={"q": query}, headers=told.agent)

    assert answer.status_code in (200, 422)


def test_so_many_places_are_told_at_most():
    [shown] = highlights(None, "导出 x " * 100, asked("导出"))

    assert len(shown.spans) <= 20
    assert all(shown.excerpt[start:end] == "导出" for start, end in shown.spans)


def test_nothing_is_shown_where_nothing_is_said():
    assert highlights("title", "body", asked("导出")) == []
    assert highlights(None, "", asked("导出")) == []


async def test_a_cursor_of_another_list_is_refused(told):
    page = await told.get("/v1/feedback", limit=1)

    await told.get("/v1/search", expect=422, q="导出", cursor=page["next_cursor"])


async def test_a_post_that_comes_in_between_moves_no_page(told):
    first = await told.get("/v1/search", q="导出", limit=2)
    await told.post(body="导出更新的")
    await hear(told)

    second = await told.get("/v1/search", q="导出", limit=2, cursor=first["next_cursor"])

    shown = [one["feedback"]["body"] for page in (first, second) for one in page["items"]]
    assert shown == [SAID[2], SAID[1], SAID[0]]


async def test_words_of_two_languages_in_one_query_are_one_thing_each(told):
    assert set(await found(told, "导出 report")) == {SAID[0], SAID[1], SAID[2]}
