"""Amplitude through its door."""

import pytest


def sent(key, *events, **fields):
    return {"api_key": key, "events": list(events)} | fields


def event(type="Signed Up", **fields):
    return {"event_type": type, "user_id": "u1", "device_id": "d1", "insert_id": f"i-{type}"} | fields


@pytest.mark.parametrize("path", ["/2/httpapi", "/2/httpapi/"])
async def test_the_code_in_the_body_says_success(capture, path):
    answer = await capture.post(path, sent(capture.key, event(), event("Paid"), options={"min_id_length": 1}))

    body = answer.json()
    assert (answer.status_code, body["code"], body["events_ingested"]) == (200, 200, 2)
    assert body["payload_size_bytes"] > 0
    assert body["server_upload_time"] == int(capture.world.now.timestamp() * 1000)
    assert sorted(await capture.stored()) == ["Paid", "Signed Up"]


@pytest.mark.parametrize("key", ["", "nobodys"])
async def test_a_key_that_is_not_known_stops_the_client(capture, key):
    body = (await capture.post("/2/httpapi", sent(key, event()))).json()

    assert body["code"] == 400
    assert body["error"].startswith("Invalid API key:")


async def test_a_page_that_the_key_does_not_list_stops_too(capture):
    key = await capture.publishable()
    answer = await capture.post("/2/httpapi", sent(key, event()), headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code == 403
    assert answer.json()["error"].startswith("Invalid API key:")


async def test_where_all_are_refused_the_fields_are_named(capture):
    bad = [event(""), event("a", user_id=None, device_id=None), event("b", time="soon")]

    answer = await capture.post("/2/httpapi", sent(capture.key, *bad))

    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert answer.json()["events_with_invalid_fields"] == {"event_type": [0], "user_id": [1], "time": [2]}


async def test_where_some_are_refused_the_rest_is_taken(capture):
    body = (await capture.post("/2/httpapi", sent(capture.key, event(""), event("Paid")))).json()

    assert (body["code"], body["events_ingested"]) == (200, 1)
    assert [each["index"] for each in body["rejected"]] == [0]
    assert await capture.stored() == ["Paid"]


async def test_too_large_is_a_code_at_which_the_client_splits(capture):
    answer = await capture.post("/2/httpapi", sent(capture.key, *[{}] * 200_001))

    assert (answer.status_code, answer.json()["code"]) == (413, 413)


async def test_user_and_device_are_one_person_and_properties_traits(capture):
    await capture.post("/2/httpapi", sent(capture.key, event("Before", user_id=None)))
    await capture.post(
        "/2/httpapi",
        sent(capture.key, event("$identify", user_properties={"$set": {"plan": "pro"}})),
    )

    profile = await capture.world.get("/v1/users/u1")
    assert profile["traits"] == {"plan": "pro"}
    assert set(profile["distinct_ids"]) == {"u1", "d1"}


async def test_an_insert_id_counts_once_across_requests(capture):
    for _ in range(3):
        assert (await capture.post("/2/httpapi", sent(capture.key, event()))).json()["code"] == 200

    assert len(await capture.stored()) == 1


async def test_a_body_without_events_is_refused(capture):
    answer = await capture.post("/2/httpapi", {"api_key": capture.key})

    assert (answer.status_code, answer.json()["code"]) == (400, 400)
