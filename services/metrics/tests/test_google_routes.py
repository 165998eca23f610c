"""GA4's measurement protocol through its door."""

import pytest


def sent(*events, **fields):
    return {"client_id": "c1"} | fields | {"events": list(events)}


def address(key, path="/mp/collect"):
    return f"{path}?measurement_id=G-1&api_secret={key}"


@pytest.mark.parametrize(
    "events",
    [[{"name": "purchase", "params": {"value": 3}}], [{"name": ""}], [7], []],
    ids=["good", "bad", "odd", "none"],
)
async def test_the_answer_is_empty_whatever_the_events(capture, events):
    answer = await capture.post(address(capture.key), sent(*events))

    assert (answer.status_code, answer.content) == (204, b"")
    assert len(await capture.stored()) == (
        1 if events and events[0] == {"name": "purchase", "params": {"value": 3}} else 0
    )


async def test_the_key_stands_in_the_address_or_the_head_and_in_no_body(capture):
    in_body = await capture.post("/mp/collect", sent({"name": "a"}, api_secret=capture.key))
    in_head = await capture.post("/mp/collect", sent({"name": "b"}), headers={"Authorization": f"Bearer {capture.key}"})

    assert (in_body.status_code, in_head.status_code) == (401, 204)
    assert in_body.json()["error"]
    assert await capture.stored() == ["b"]


async def test_the_debugging_path_says_what_is_wrong_and_keeps_nothing(capture):
    path = address(capture.key, "/debug/mp/collect")

    good = await capture.post(path, sent({"name": "a"}))
    bad = await capture.post(path, sent({"name": "a"}, {"name": ""}))

    assert (good.status_code, good.json()) == (200, {"validationMessages": []})
    (message,) = bad.json()["validationMessages"]
    assert (message["fieldPath"], message["validationCode"]) == ("events[1]", "MISSING_EVENT")
    assert await capture.stored() == []


async def test_what_is_no_measurement_is_refused(capture):
    for content in (b"{", b"{}", b"[]", b""):
        answer = await capture.post(address(capture.key), content=content)
        assert answer.status_code == 400, content


async def test_a_user_and_a_client_are_one_person(capture):
    await capture.post(
        address(capture.key), sent({"name": "page_view", "params": {"page_location": "https://shop.example/"}})
    )
    await capture.post(
        address(capture.key), sent({"name": "purchase"}, user_id="u1", user_properties={"plan": {"value": "pro"}})
    )

    profile = await capture.world.get("/v1/users/u1")
    assert set(profile["distinct_ids"]) == {"u1", "c1"}
    assert profile["traits"] == {"plan": "pro"}
    assert sorted(await capture.stored("event, host")) == [("$pageview", "shop.example"), ("purchase", "")]
