"""PostHog through its doors."""

import base64
import gzip
import json
from uuid import uuid4

import pytest


def event(key, name="Signed Up", **fields):
    return {"event": name, "uuid": str(uuid4()), "properties": {"token": key, "distinct_id": "u1"}} | fields


@pytest.mark.parametrize("path", ["/batch", "/batch/", "/capture", "/capture/", "/e", "/e/", "/i/v0/e", "/i/v0/e/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_path_takes_an_event_in_the_address(capture, path, method):
    data = base64.b64encode(json.dumps(event(capture.key)).encode()).decode()

    answer = await capture.world.send(method, path, params={"data": data, "ip": "1", "_": "1772000000000"}, headers={})

    assert (answer.status_code, answer.json()) == (200, {"status": 1})
    assert await capture.stored() == ["Signed Up"]


async def test_a_list_of_events_names_its_key_in_each(capture):
    content = gzip.compress(json.dumps([event(capture.key, "a"), event(capture.key, "b")]).encode())

    answer = await capture.post(
        "/e/?compression=gzip-js&ver=1.449.2&_=1772000000000", content=content, headers={"Content-Type": "text/plain"}
    )

    assert answer.json() == {"status": 1}
    assert sorted(await capture.stored()) == ["a", "b"]


async def test_a_beacon_is_answered_with_nothing(capture):
    content = gzip.compress(json.dumps(event(capture.key)).encode())

    answer = await capture.post("/e/?compression=gzip-js&beacon=1", content=content)

    assert (answer.status_code, answer.content) == (204, b"")
    assert await capture.stored() == ["Signed Up"]


async def test_a_batch_of_which_some_are_refused(capture):
    rows = [event(capture.key, "a"), event(capture.key, ""), 7]

    answer = (await capture.post("/batch/", {"api_key": capture.key, "batch": rows})).json()

    assert answer["status"] == 1
    assert [each["index"] for each in answer["rejected"]] == [1, 2]
    assert await capture.stored() == ["a"]


async def test_v1_tells_of_each_uuid_also_of_those_that_come_too_late_or_early(capture):
    rows = [event(capture.key, "a"), event(capture.key, ""), event(capture.key, "b", timestamp="2999-01-01T00:00:00Z")]
    headers = {"Authorization": f"Bearer {capture.key}", "PostHog-Sdk-Info": "posthog-python/7.91.1"}
    for path in ("/i/v1/analytics/events", "/i/v1/analytics/events/"):
        answer = (await capture.post(path, {"batch": rows}, headers=headers)).json()

        said = [answer["results"][row["uuid"]]["result"] for row in rows]
        assert said == ["ok", "drop", "drop"]
    assert await capture.stored("event, library") == [("a", "posthog-python/7.91.1")]


async def test_there_are_no_flags(capture, subtests):
    for path in ["/flags", "/flags/", "/flags/?v=2", "/flags/?v=2&config=true", "/flags?v=4"]:
        for is_packed in [True, False]:
            with subtests.test(path=path, is_packed=is_packed):
                body = json.dumps({"token": capture.key, "distinct_id": "u1", "person_properties": {}}).encode()
                content = b"data=" + base64.urlsafe_b64encode(body) if is_packed else body

                answer = await capture.post(path, content=content)

                assert answer.status_code == 200
                assert answer.json()["flags"] == {}
                assert answer.json()["errorsWhileComputingFlags"] is False


async def test_the_config_of_a_page(capture):
    key = await capture.publishable()

    answer = await capture.get(f"/array/{key}/config", headers={"Origin": "https://shop.example"})
    script = await capture.get(f"/array/{key}/config.js")

    assert answer.status_code == 200
    assert "gzip-js" in answer.json()["supportedCompression"]
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert script.headers["content-type"].startswith("text/javascript")
    said = script.text.partition("] = ")[2].rstrip().rstrip(";")
    assert json.loads(said) == {"config": answer.json(), "siteApps": []}
    assert f'["{key}"]' in script.text


@pytest.mark.parametrize("file", ["config", "config.js"])
async def test_only_who_may_capture_has_a_config(capture, file):
    reader = await capture.world.api.key("metrics:read")
    for key, status in [("nobodys", 401), ("%22%3E%3Cscript%3E", 401), (reader["Authorization"][7:], 403)]:
        answer = await capture.get(f"/array/{key}/{file}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert "<script>" not in answer.text


@pytest.mark.parametrize("data", ["", "!", "eyJ", "e30", "%7B"])
async def test_an_address_without_an_event_is_refused(capture, data):
    headers = {"Authorization": f"Bearer {capture.key}"}

    answer = await capture.world.send("GET", f"/e/?data={data}", headers=headers)

    assert answer.status_code == 400
    assert answer.json()["detail"]
