"""Segment through its doors, besides what `test_capturing` shows of them."""

import json

import pytest
from structlog.testing import capture_logs

SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
SAID = {
    "track": {"event": "Signed Up"},
    "page": {"name": "Pricing"},
    "screen": {"name": "Home"},
    "identify": {"traits": {"plan": "pro"}},
    "group": {"groupId": "g1"},
    "alias": {"previousId": "a1"},
}


@pytest.mark.parametrize("short", sorted(SHORT))
async def test_each_kind_has_its_paths(capture, short):
    kind = SHORT[short]
    paths = [f"/v1/{short}", f"/v1/{short}/", f"/v1/{kind}", f"/v1/{kind}/"]
    for number, path in enumerate(paths):
        body = {"writeKey": capture.key, "userId": f"u{number}", "messageId": f"m{number}"} | SAID[kind]
        answer = await capture.post(path, content=json.dumps(body), headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()) == (200, {"success": True}), path
    assert await capture.stored("kind") == [kind] * 4


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/b", "/v1/b/"])
async def test_a_batch_of_all_kinds(capture, path):
    batch = [{"type": kind, "userId": "u1", "messageId": kind} | said for kind, said in SAID.items()]

    answer = await capture.post(path, {"batch": batch, "writeKey": capture.key})

    assert answer.json() == {"success": True}
    assert set(await capture.stored("kind")) == set(SAID)


async def test_a_message_dated_far_ahead_is_named_as_refused(capture):
    row = {"type": "track", "userId": "u1", "messageId": "m", "timestamp": "2999-01-01T00:00:00Z"} | SAID["track"]

    answer = await capture.post("/v1/batch", {"batch": [row], "writeKey": capture.key})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_time")


async def test_the_settings_of_a_page_send_it_here(capture):
    key = await capture.publishable()

    answer = await capture.get(f"/v1/projects/{key}/settings", headers={"Origin": "https://shop.example"})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    segment = answer.json()["integrations"]["Segment.io"]
    assert (segment["apiKey"], segment["apiHost"], segment["protocol"]) == (key, "service.test/v1", "http")


async def test_settings_are_for_who_may_capture(capture):
    reader = await capture.world.api.key("metrics:read")
    for key, status in [("nobodys", 401), (reader["Authorization"][7:], 403)]:
        answer = await capture.get(f"/v1/projects/{key}/settings")
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message"}


async def test_a_key_in_a_path_stays_out_of_the_log(capture):
    with capture_logs() as logs:
        await capture.get(f"/v1/projects/{capture.key}/settings")

    (line,) = [each for each in logs if each["event"] == "request"]
    assert capture.key not in str(line)
    assert line["path"] == "/v1/projects/{key}/settings"
