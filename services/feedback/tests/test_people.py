"""The doors of people: who may, what is malformed, and pages."""

import pytest

from opsloop_common.testing.events import deliver
from opsloop_feedback.people.consumers import PEOPLE

NOBODY = "01a20436-ee46-7e51-8490-d378feeb2c20"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/people", "feedback:submit"),
        ("GET", f"/v1/people/{NOBODY}", "feedback:submit"),
        ("GET", "/v1/people-suggestions", "feedback:submit"),
        ("POST", f"/v1/people/{NOBODY}/merge", "feedback:read"),
        ("POST", f"/v1/people/{NOBODY}/unmerge", "feedback:read"),
        ("POST", f"/v1/people-suggestions/{NOBODY}/dismiss", "feedback:read"),
    ],
)
async def test_who_lacks_the_right_is_refused(desk, method, path, scope):
    key = await desk.api.key(scope)
    body = {"into": NOBODY} if path.endswith("/merge") else None
    assert (await desk.client.request(method, path, json=body, headers=key)).status_code == 403
    assert (await desk.client.request(method, path, json=body)).status_code == 401


@pytest.mark.parametrize("body", [{}, {"into": "x"}, {"into": None}, {"into": NOBODY, "more": 1}, []])
async def test_whom_to_merge_into_is_an_id_and_nothing_else(desk, body):
    answer = await desk.client.post(f"/v1/people/{NOBODY}/merge", json=body, headers=desk.agent)
    assert answer.status_code == 422


@pytest.mark.parametrize("params", [{"email": "x"}, {"user_id": ""}, {"limit": 0}, {"cursor": "x"}])
async def test_what_people_are_looked_for_by_is_bounded(desk, params):
    await desk.get("/v1/people", 422, **params)


async def test_filters_by_persons_are_ids(desk):
    await desk.get("/v1/feedback", 422, person="u1")
    assert (await desk.get("/v1/feedback", person=NOBODY))["items"] == []


async def test_people_and_suggestions_come_in_pages_each_once(desk):
    for at in range(5):
        desk.api.clock.advance(1)
        await desk.post(author={"user_id": f"u{at}", "email": "a@example.test"})
        await deliver(desk.api.db, PEOPLE, *await desk.api.events())
    for path, count in (("/v1/people", 5), ("/v1/people-suggestions", 10)):
        found, cursor = [], {}
        while True:
            page = await desk.get(path, limit=2, **cursor)
            found += [each["id"] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert len(found) == len(set(found)) == count
        assert found == [each["id"] for each in (await desk.get(path))["items"]]
