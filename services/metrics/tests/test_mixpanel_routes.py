"""Mixpanel through its door."""

import base64
import json
from urllib.parse import quote_plus, urlencode

import pytest


def event(key, name="Signed Up", **properties):
    return {"event": name, "properties": {"token": key, "distinct_id": "u1", "time": 1_772_000_000.25} | properties}


def form(body, **fields):
    return {
        "content": urlencode({"data": json.dumps(body)} | fields),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }


@pytest.mark.parametrize("path", ["/track", "/track/"])
async def test_the_python_clients_form(capture, path):
    answer = await capture.post(path, **form(event(capture.key), verbose=1, ip=0))

    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (200, 1, None)
    ((name, properties),) = await capture.stored("event, properties")
    assert (name, "token" in json.loads(properties)) == ("Signed Up", False)


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [("/track/?verbose=1&ip=1", {}, "object"), ("/track/?ip=1", {}, 1), ("/track", {"verbose": "0"}, 1)],
)
async def test_the_bare_answer_unless_it_asks_for_more(capture, path, fields, expected):
    answer = (await capture.post(path, **form([event(capture.key)], **fields))).json()

    assert answer == expected if expected == 1 else answer["status"] == 1


async def test_a_pages_credentials_are_allowed_for_its_own_origin(capture):
    key = await capture.publishable()
    content = f"data={quote_plus(base64.b64encode(json.dumps([event(key)]).encode()))}"
    headers = {"Origin": "https://shop.example", "Content-Type": "application/x-www-form-urlencoded"}

    answer = await capture.post("/track/?verbose=1&ip=1&_=1772000000000", content=content, headers=headers)

    assert answer.json()["status"] == 1
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-allow-credentials"] == "true"


async def test_an_address_may_hold_it_all(capture):
    data = base64.b64encode(json.dumps(event(capture.key)).encode()).decode()

    answer = await capture.get("/track", params={"data": data, "verbose": "1"})

    assert answer.json()["status"] == 1
    assert await capture.stored() == ["Signed Up"]


async def test_profiles_and_groups(capture):
    profile = {"$token": capture.key, "$distinct_id": "u1", "$user_id": "u1", "$set": {"plan": "pro"}}
    group = {"$token": capture.key, "$group_key": "company", "$group_id": "c1", "$set": {"seats": 7}}

    assert (await capture.post("/engage", **form(profile, verbose=1))).json()["status"] == 1
    assert (await capture.post("/groups", **form(group, verbose=1))).json()["status"] == 1

    assert (await capture.world.get("/v1/users/u1"))["traits"] == {"plan": "pro"}
    assert sorted(await capture.stored()) == ["$group", "$identify"]


@pytest.mark.parametrize("how", ["basic", "api_key"])
async def test_an_import_says_its_secret(capture, how):
    row = {"event": "Old", "properties": {"distinct_id": "u1", "$insert_id": "i1", "time": 1_600_000_000}}
    basic = base64.b64encode(f"{capture.key}:".encode()).decode()
    fields = {"api_key": capture.key} if how == "api_key" else {}
    request = form([row], verbose=1, **fields)
    request["headers"] |= {"Authorization": f"Basic {basic}"} if how == "basic" else {}

    for _ in range(2):
        answer = await capture.post("/import", **request)
        assert (answer.status_code, answer.json()["status"], answer.json()["num_records_imported"]) == (200, 1, 1)
    assert await capture.stored("event, toYear(time)") == [("Old", 2020)]


async def test_what_is_refused_is_named_to_who_asks(capture):
    rows = [event(capture.key), event(capture.key, name=""), 7]

    answer = (await capture.post("/track?verbose=1", rows)).json()

    assert (answer["status"], answer["num_records_imported"]) == (1, 1)
    assert [each["index"] for each in answer["rejected"]] == [1, 2]


@pytest.mark.parametrize(("path", "expected"), [("/track", 0), ("/track?verbose=1", "object")])
async def test_nothing_taken_is_no_success(capture, path, expected):
    answer = await capture.post(path, [event(capture.key, name="")])

    assert answer.status_code == 400
    assert answer.json() == expected if expected == 0 else answer.json()["error"]


async def test_a_form_without_data_is_refused(capture):
    headers = {"Authorization": f"Bearer {capture.key}"}
    answer = await capture.post("/track", content="verbose=1&ip=0", headers=headers)

    assert (answer.status_code, answer.json()["status"]) == (400, 0)
    assert "data" in answer.json()["error"]
