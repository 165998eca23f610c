"""Lists: newest first, keyset, filtered, searched in Chinese and English alike."""

import pytest

from opsloop_common.testing.ids import BAD_IDS, GOOD_IDS


@pytest.fixture
def bodies(desk):
    async def list_bodies(**params):
        return [item["body"] for item in (await desk.get("/v1/feedback", **params))["items"]]

    return list_bodies


async def test_pages_are_newest_first_and_stable_under_inserts(desk):
    for n in range(5):
        await desk.post(body=f"post {n}")
        desk.api.clock.advance(1)

    first = await desk.get("/v1/feedback", limit=2)
    await desk.post(body="newer")
    second = await desk.get("/v1/feedback", limit=2, cursor=first["next_cursor"])
    last = await desk.get("/v1/feedback", limit=2, cursor=second["next_cursor"])

    pages = [[item["body"] for item in page["items"]] for page in (first, second, last)]
    assert pages == [["post 4", "post 3"], ["post 2", "post 1"], ["post 0"]]
    assert last["next_cursor"] is None


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"cursor": "made-up"},
        {"status": "lost"},
        {"created_from": "monday"},
    ],
)
async def test_bad_parameters_are_refused(desk, params):
    answer = await desk.get("/v1/feedback", expect=422, **params)

    assert answer["errors"][0]["pointer"] == f"/query/{next(iter(params))}" or "status" in params


async def test_each_filter_narrows_and_repeats_mean_any(desk, bodies):
    await desk.post(body="The app crashes", channel="form", tags=["ios", "vip"], area="start", author={"user_id": "u1"})
    desk.api.clock.advance(60)
    await desk.post(body="Great app, I love it", channel="email", tags=["web"], author={"email": "Who@Example.com"})
    desk.api.clock.advance(60)
    idea = await desk.post(body="Could you add dark mode?", channel="social", tags=["ios"], area="look")
    await desk.patch(idea["id"], status="open")

    assert await bodies(status="open") == ["Could you add dark mode?"]
    assert await bodies(status=["open", "new"], kind=["idea", "praise"]) == [
        "Could you add dark mode?",
        "Great app, I love it",
    ]
    assert await bodies(kind="bug") == await bodies(severity="s1") == ["The app crashes"]
    assert await bodies(channel=["form", "email"]) == ["Great app, I love it", "The app crashes"]
    assert await bodies(tag="ios") == ["Could you add dark mode?", "The app crashes"]
    assert await bodies(tag=["vip", "web"]) == ["Great app, I love it", "The app crashes"]
    assert await bodies(area="look") == ["Could you add dark mode?"]
    assert await bodies(author="u1") == ["The app crashes"]
    assert await bodies(author="who@example.COM") == ["Great app, I love it"]
    assert await bodies(created_from="2026-11-22T08:01:00Z", created_to="2026-11-22T08:02:00Z") == [
        "Great app, I love it"
    ]
    assert await bodies(status="closed") == []


async def test_text_finds_chinese_and_english_alike(desk, bodies):
    await desk.post(body="希望支持导出报表为 Excel", title="报表导出")
    await desk.post(body="Export REPORTS to xlsx, 100% of them", title="Ｅｘｐｏｒｔ")
    await desk.post(body="報表匯出失敗了")
    await desk.post(body="path is C:\\temp_1/x")
    chinese, english, traditional, path = (
        "希望支持导出报表为 Excel",
        "Export REPORTS to xlsx, 100% of them",
        "報表匯出失敗了",
        "path is C:\\temp_1/x",
    )

    assert await bodies(text="导出") == [chinese]
    assert await bodies(text="出报") == [chinese]
    assert await bodies(text="报表") == [traditional, chinese]
    assert await bodies(text="報表") == [traditional, chinese]
    assert await bodies(text="失败") == [traditional]
    assert await bodies(text="excel 导出") == [chinese]
    assert await bodies(text="reports EXPORT") == [english]
    assert await bodies(text="export") == [english]
    assert await bodies(text="100%") == [english]
    assert await bodies(text="0%x") == []
    assert await bodies(text="p_1") == [path]
    assert await bodies(text="e_p") == []
    assert await bodies(text="c:\\temp") == [path]
    assert await bodies(text="1/x") == [path]


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\u3164\u2060", "\u0301", "\ue000"])
async def test_a_search_for_nothing_is_no_search_for_everything(desk, text):
    await desk.post()
    answer = await desk.client.get("/v1/feedback", params={"text": text}, headers=desk.agent)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/query/text"]


@pytest.mark.parametrize(
    ("author", "status"),
    [
        ("a/./b", 422),
        ("\ufffd", 422),
        ("ann\u200b", 422),
        ("org/ann", 200),
        ("a/./b@example.com", 200),
        ("Ann@Example.com", 200),
    ],
)
async def test_who_wrote_is_asked_for_as_it_can_be_given(desk, author, status):
    answer = await desk.client.get("/v1/feedback", params={"author": author}, headers=desk.agent)

    assert answer.status_code == status


async def test_a_list_shows_only_the_own_workspace(desk):
    await desk.post()
    theirs = await desk.api.key(workspace="other")

    answer = await desk.client.get("/v1/feedback", headers=theirs)

    assert answer.json() == {"items": [], "next_cursor": None, "facets": None}


async def test_a_list_shows_posts_as_they_are_shown_alone(desk):
    made = await desk.post(body="很慢 \u2028 😀", attributes={"a": 1e16, "b": [None, True, {"c": ""}]}, tags=["x"])

    (listed,) = (await desk.get("/v1/feedback"))["items"]

    assert listed == await desk.get(f"/v1/feedback/{made['id']}") == made


async def test_lists_are_narrowed_by_source_and_by_what_an_agent_asks_for(desk):
    sources = ("partner-a", "partner-b")
    a, b = [await desk.api.key("feedback:write", "feedback:read", name=source, source=source) for source in sources]
    one = await desk.post(headers=a, external_id="1001", body="one")
    two = await desk.post(headers=b, external_id="1001", body="two")
    desk.api.clock.advance(60)
    await desk.patch(one["id"], assignee="zoe", due_at="2026-11-23T00:00:00Z")
    await desk.patch(two["id"], team="billing", due_at="2026-11-24T00:00:00Z")

    async def bodies(**params: object) -> list[str]:
        return [item["body"] for item in (await desk.get("/v1/feedback", **params))["items"]]

    assert await bodies(source="partner-a") == ["one"]
    assert await bodies(source=["partner-a", "partner-b"]) == await bodies(external_id="1001") == ["two", "one"]
    assert await bodies(external_id="1001", source="partner-b") == ["two"]
    assert await bodies(number=one["number"]) == ["one"]
    assert await bodies(number=[one["number"], two["number"]], team="billing") == ["two"]
    assert await bodies(assignee="zoe") == await bodies(due_before="2026-11-24T00:00:00Z") == ["one"]
    assert await bodies(updated_from="2026-11-22T08:01:00Z") == ["two", "one"]
    assert await bodies(updated_from="2026-11-22T08:01:01Z") == await bodies(source="partner-c") == []
    for bad in ({"number": 0}, {"number": 2**63}, {"number": "x"}, {"source": "No Slug"}, {"due_before": "soon"}):
        answer = await desk.get("/v1/feedback", expect=422, **bad)
        assert answer["errors"][0]["pointer"].startswith(f"/query/{next(iter(bad))}")


async def test_what_nobody_sees_hides_nothing_and_is_shown_as_it_was_sent(desk, bodies):
    hidden = await desk.post(body="支\u200b付失败", area="iOS\u200b", tags=["v\u2060ip", "vip", "👨\u200d👩\u200d👧"])
    await desk.patch(hidden["id"], team="pay\u00adments")
    await desk.post(body="Another one", area="iOS 2", tags=["vipp"])

    assert (hidden["kind"], hidden["severity"]) == ("bug", "s1")
    assert hidden["body"] == "支\u200b付失败"
    assert hidden["area"] == "iOS\u200b"
    assert hidden["tags"] == ["v\u2060ip", "👨\u200d👩\u200d👧"], "two that look the same are one"
    for narrowed in (
        {"text": "支付失败"},
        {"text": "付\ufeff失"},
        {"area": "iOS"},
        {"area": ["Web", "i\u3164OS"]},
        {"tag": "vip"},
        {"tag": "👨\u200d👩\u200d👧"},
        {"team": "payments"},
    ):
        assert await bodies(**narrowed) == ["支\u200b付失败"], narrowed
    assert await bodies(area="ios") == []


@pytest.mark.parametrize("unseen", ["\u2800", "\ufeff", "\ufff9"])
async def test_what_is_blank_and_no_white_space_hides_nothing_either(desk, bodies, unseen):
    hidden = await desk.post(body=f"支{unseen}付失败", area=f"iOS{unseen}", tags=[f"v{unseen}ip"])

    assert (hidden["severity"], hidden["body"], hidden["area"]) == ("s1", f"支{unseen}付失败", f"iOS{unseen}")
    for narrowed in ({"text": "支付失败"}, {"area": "iOS"}, {"tag": "vip"}):
        assert await bodies(**narrowed) == [f"支{unseen}付失败"], narrowed


async def test_ids_that_others_give_are_found_as_they_came(desk):
    for id in GOOD_IDS:
        made = await desk.post(external_id=id, author={"user_id": id})
        await desk.patch(made["id"], assignee=id)

        for name in ("external_id", "author", "assignee"):
            (found,) = (await desk.get("/v1/feedback", **{name: id}))["items"]
            assert (found["id"], found["external_id"], found["author"]["user_id"]) == (made["id"], id, id)


@pytest.mark.parametrize("id", BAD_IDS)
async def test_ids_that_could_not_be_addressed_are_refused_by_name(desk, id):
    made = await desk.post()
    row = await desk.client.post(
        "/v1/feedback:batch", json={"items": [{"body": "x", "external_id": id}]}, headers=desk.agent
    )

    refused = {
        "/external_id": await desk.post(422, external_id=id),
        "/author/user_id": await desk.post(422, author={"user_id": id}),
        "/assignee": await desk.patch(made["id"], 422, assignee=id),
        "/query/external_id/0": await desk.get("/v1/feedback", 422, external_id=id),
        "/query/assignee/0": await desk.get("/v1/feedback", 422, assignee=id),
    }
    for pointer, answer in refused.items():
        (error,) = answer["errors"]
        assert (error["pointer"], "pattern" in error["detail"]) == (pointer, False)
    assert row.json()["items"][0]["status"] == "invalid"


async def asked_again(desk, path, tag, **params):
    return await desk.client.get(path, params=params, headers=desk.agent | {"If-None-Match": tag})


async def test_who_has_a_post_as_it_is_gets_it_not_again(desk):
    made = await desk.post()
    path = f"/v1/feedback/{made['id']}"

    same = await asked_again(desk, path, '"1"')
    await desk.patch(made["id"], assignee="zoe")
    other = await asked_again(desk, path, '"1"')

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"')
    assert (other.status_code, other.headers["etag"]) == (200, '"2"')
    assert (await asked_again(desk, path, "*")).status_code == 304
    assert (await asked_again(desk, f"/v1/feedback/{made['id'][:-4]}0000", "*")).status_code == 404


async def test_who_has_a_page_as_it_is_gets_it_not_again(desk):
    posts = [await desk.post(body=f"post {n}") for n in range(3)]
    page = {"limit": 2, "facets": "status"}
    first = await desk.client.get("/v1/feedback", params=page, headers=desk.agent)
    tag = first.headers["etag"]

    same = await asked_again(desk, "/v1/feedback", tag, **page)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await asked_again(desk, "/v1/feedback", tag, limit=2)).status_code == 200, "without facets it is another"

    await desk.patch(posts[0]["id"], status="open")
    beyond = await asked_again(desk, "/v1/feedback", tag, **page)
    assert beyond.status_code == 200, "the counts are others"
    await desk.patch(posts[2]["id"], assignee="zoe")
    assert (await asked_again(desk, "/v1/feedback", beyond.headers["etag"], **page)).status_code == 200


async def test_a_change_is_made_whatever_its_sender_knows(desk):
    made = await desk.post()

    answer = await desk.client.patch(
        f"/v1/feedback/{made['id']}", json={"assignee": "zoe"}, headers=desk.agent | {"If-None-Match": "*"}
    )

    assert (answer.status_code, answer.json()["assignee"]) == (200, "zoe")
