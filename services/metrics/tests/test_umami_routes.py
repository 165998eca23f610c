"""Umami through its door."""

import json

import pytest

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
PAGE = "https://shop.example"


def sent(key, **payload):
    said = {"hostname": "shop.example", "url": "/pricing", "language": "zh-CN", "screen": "1920x1080"}
    return {"type": "event", "payload": {"website": key} | said | payload}


async def test_the_answer_is_what_its_client_hands_on(capture):
    headers = {"User-Agent": CHROME, "Origin": PAGE}

    answer = await capture.post("/api/send", sent(capture.key, title="Pricing"), headers=headers)

    assert answer.status_code == 200
    assert set(answer.json()) == {"cache", "sessionId", "visitId"}
    ((event, url, browser, locale, title),) = await capture.stored("event, url, browser, locale, title")
    assert (event, url, browser) == ("$pageview", "https://shop.example/pricing", "Chrome")
    assert (locale, title) == ("zh-CN", "Pricing")


@pytest.mark.parametrize("place", ["website", "link", "pixel"])
async def test_the_key_stands_where_the_site_is_named(capture, place):
    body = sent(None, name="Signed Up", **{place: capture.key})
    body["payload"] = {name: said for name, said in body["payload"].items() if said is not None}

    answer = await capture.post("/api/send", body, headers={"Authorization": "Bearer None"})

    assert answer.status_code == 200
    assert await capture.stored() == ["Signed Up"]


@pytest.mark.parametrize("how", ["query", "bearer"])
async def test_a_sites_own_id_may_stay_where_the_key_is_said_elsewhere(capture, how):
    site = "0d7d2a9e-8a39-4c8b-a1e8-aaaaaaaaaaaa"
    path, headers = ("/api/send", {"Authorization": f"Bearer {capture.key}"})
    if how == "query":
        path, headers = f"/api/send?key={capture.key}", {}

    assert (await capture.post(path, sent(site), headers=headers)).status_code == 200
    assert (await capture.post("/api/send", sent(site))).status_code == 401
    assert await capture.stored() == ["$pageview"]


async def test_a_visitor_is_one_for_a_site_and_another_for_the_next(capture):
    for agent in (CHROME, CHROME, "another"):
        await capture.post("/api/send", sent(capture.key), headers={"User-Agent": agent})
    path = f"/api/send?key={capture.key}"
    await capture.post(path, sent("another-site"), headers={"User-Agent": CHROME})

    ids = await capture.stored("distinct_id")
    assert len(ids) == 4
    assert len(set(ids)) == 3
    assert all(len(id) == 32 for id in ids)


async def test_visitors_of_two_workspaces_cannot_be_compared(capture):
    site = "one-site"
    other = await capture.world.api.key("metrics:capture", workspace="other")
    for key in (capture.key, other["Authorization"].removeprefix("Bearer ")):
        await capture.post(f"/api/send?key={key}", sent(site), headers={"User-Agent": CHROME})

    assert len(set(await capture.stored("distinct_id"))) == 2


async def test_an_identification_sets_traits(capture):
    body = sent(capture.key, id="u1", data={"plan": "pro"}) | {"type": "identify"}

    assert (await capture.post("/api/send", body)).status_code == 200
    profile = await capture.world.get("/v1/users/u1")
    assert profile["traits"] == {"plan": "pro"}


async def test_a_batch_tells_what_is_refused_and_takes_the_rest(capture):
    rows = [sent(capture.key, name="a"), {"type": "event"}, 7, sent(capture.key, name="b")]

    answer = (await capture.post("/api/batch", rows)).json()

    assert (answer["size"], answer["processed"], answer["errors"]) == (4, 2, 2)
    assert [each["index"] for each in answer["details"]] == [1, 2]
    assert answer["cache"]
    assert sorted(await capture.stored()) == ["a", "b"]


async def test_one_event_that_is_refused_is_an_error(capture):
    answer = await capture.post("/api/send", {"type": "odd", "payload": {"website": capture.key}})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad-request"


async def test_a_robot_is_kept_apart_and_answered(capture):
    answer = await capture.post("/api/send", sent(capture.key), headers={"User-Agent": "Googlebot/2.1", "Origin": PAGE})

    assert answer.status_code == 200
    assert await capture.stored("event, is_bot") == [("$pageview", 1)]


async def test_a_program_of_the_sites_own_is_no_robot(capture):
    answer = await capture.post("/api/send", sent(capture.key, id="u1"), headers={"User-Agent": "python-requests/2.32"})

    assert answer.status_code == 200
    assert await capture.stored("distinct_id, is_bot, browser") == [("u1", 0, "")]


async def test_data_is_kept_as_properties(capture):
    await capture.post("/api/send", sent(capture.key, name="买", data={"amount": 12.5, "名": "值"}))

    ((properties,),) = [(row,) for row in await capture.stored("properties")]
    assert json.loads(properties) == {"amount": 12.5, "名": "值", "screen": "1920x1080"}
