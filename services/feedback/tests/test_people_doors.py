"""People under fire: deliveries that break off or come twice, neighbours, decisions that last, and names meant to confuse."""

import asyncio
from dataclasses import replace
from urllib.parse import quote

import pytest

from opsloop_common.testing.events import deliver
from opsloop_feedback.people.consumers import PEOPLE, on_feedback_received

NOBODY = "01a20436-ee46-7e51-8490-d378feeb2c20"
LONG = "".join(chr(0x20000 + at * 37) for at in range(200))
NAMES = (
    "u1",
    "U1",
    "id:u1",
    "mail:a@example.test",
    "a@example.test",
    "%",
    "_1",
    "'; DROP TABLE person; --",
    "{u1,u2}",
    'u"1',
    "back\\slash",
    "é",
    "李雷",
    LONG,
)


class Died(Exception):
    pass


async def hear(desk, *events):
    await deliver(desk.api.db, PEOPLE, *(events or await desk.api.events()))


async def ask(desk, path, body=None, headers=None):
    return await desk.client.post(path, json=body, headers=headers or desk.agent)


async def people(desk, **params):
    return (await desk.get("/v1/people", limit=200, **params))["items"]


async def pair(desk):
    """Return two who share an address, and the suggestion that they are one."""
    for user_id in ("u1", "u2"):
        await desk.post(author={"user_id": user_id, "email": "a@example.test"})
    await hear(desk)
    [suggestion] = (await desk.get("/v1/people-suggestions"))["items"]
    one, two = sorted(suggestion["people"], key=lambda each: each["user_id"])
    return one["id"], two["id"], suggestion["id"]


async def test_what_broke_off_before_its_end_left_nothing_and_is_heard_whole_when_it_comes_again(desk):
    async def die(session, events):
        await on_feedback_received(session, events)
        raise Died

    for user_id in ("u1", "u2"):
        await desk.post(author={"user_id": user_id, "email": "a@example.test"})
    events = await desk.api.events()

    with pytest.raises(Died):
        await deliver(desk.api.db, replace(PEOPLE, batch_handler=die), *events)

    assert await people(desk) == []
    assert (await desk.get("/v1/people-suggestions"))["items"] == []
    for _ in range(2):
        await hear(desk, *events)
    assert [each["user_id"] for each in await people(desk)] == ["u2", "u1"]
    assert len((await desk.get("/v1/people-suggestions"))["items"]) == 1


async def test_two_deliveries_at_once_of_the_same_and_of_other_posts_note_everybody_once(desk):
    for at in range(12):
        await desk.post(author={"user_id": f"u{at % 3}", "email": "a@example.test"}, channel=("form", "email")[at % 2])
    events = [event for event in await desk.api.events() if PEOPLE.wants(event.type)]

    await asyncio.gather(hear(desk, *events), hear(desk, *reversed(events)), *(hear(desk, each) for each in events))

    found = await people(desk)
    assert sorted(each["user_id"] for each in found) == ["u0", "u1", "u2"]
    for each in found:
        assert len((await desk.get(f"/v1/people/{each['id']}"))["identities"]) == 2
    assert len((await desk.get("/v1/people-suggestions"))["items"]) == 3


async def test_neighbours_are_not_found_by_any_door_and_nothing_became_of_it(desk):
    one, two, suggestion = await pair(desk)
    neighbour = await desk.api.key("feedback:read", "feedback:write", workspace="globex")
    posted = await ask(desk, "/v1/feedback", {"body": "b", "author": {"user_id": "u1"}}, neighbour)
    assert posted.status_code == 201
    await hear(desk)
    [theirs] = (await desk.client.get("/v1/people", headers=neighbour)).json()["items"]

    for path, body in (
        (f"/v1/people/{one}/merge", {"into": two}),
        (f"/v1/people/{one}/merge", {"into": theirs["id"]}),
        (f"/v1/people/{theirs['id']}/merge", {"into": one}),
        (f"/v1/people/{one}/unmerge", None),
        (f"/v1/people-suggestions/{suggestion}/dismiss", None),
    ):
        assert (await ask(desk, path, body, neighbour)).status_code == 404, path
    assert (await desk.client.get(f"/v1/people/{one}", headers=neighbour)).status_code == 404
    seen = await desk.client.get("/v1/feedback", params={"person": one, "facets": "channel"}, headers=neighbour)
    assert (seen.json()["items"], seen.json()["facets"]["channel"]["counts"]) == ([], [])
    assert (await ask(desk, f"/v1/people/{one}/merge", {"into": theirs["id"]})).status_code == 404
    assert {each["merged_into_id"] for each in await people(desk)} == {None}
    assert [each["id"] for each in (await desk.get("/v1/people-suggestions"))["items"]] == [suggestion]


async def test_what_was_dismissed_stays_so_whatever_comes_in_and_whoever_is_joined_and_parted(desk):
    one, two, suggestion = await pair(desk)
    assert (await ask(desk, f"/v1/people-suggestions/{suggestion}/dismiss")).status_code == 204

    for channel, email in (("email", "a@example.test"), ("form", "b@example.test")):
        for user_id in ("u1", "u2"):
            await desk.post(author={"user_id": user_id, "email": email}, channel=channel)
        await hear(desk)
        assert (await desk.get("/v1/people-suggestions"))["items"] == []
    assert (await ask(desk, f"/v1/people/{one}/merge", {"into": two})).status_code == 200
    assert (await ask(desk, f"/v1/people/{one}/unmerge")).status_code == 200
    assert (await desk.get("/v1/people-suggestions"))["items"] == []


async def test_posts_of_several_persons_are_those_of_all_and_of_nobody_none(desk):
    one, two, _ = await pair(desk)
    third = await desk.post(author={"user_id": "u3"}, channel="phone")
    await hear(desk)
    asked = {"person": [one, two, NOBODY], "facets": "channel"}

    found = await desk.get("/v1/feedback", **asked)

    assert third["id"] not in {each["id"] for each in found["items"]}
    assert [(each["value"], each["count"]) for each in found["facets"]["channel"]["counts"]] == [("api", 2)]
    nobodys = await desk.get("/v1/feedback", **asked | {"person": NOBODY})
    assert (nobodys["items"], nobodys["facets"]["channel"]["counts"]) == ([], [])
    first = await desk.get("/v1/feedback", person=[one, two], limit=1)
    second = await desk.get("/v1/feedback", person=[one, two], limit=1, cursor=first["next_cursor"])
    assert {each["id"] for each in first["items"] + second["items"]} == {each["id"] for each in found["items"]}
    await desk.get("/v1/feedback", 422, person=one, cursor=first["next_cursor"])  # another question's


async def test_names_meant_to_confuse_are_each_somebody_of_their_own(desk):
    for name in NAMES:
        await desk.post(body=quote(name), author={"user_id": name})
    await desk.post(body="by address", author={"email": "a@example.test"})
    await hear(desk)
    assert len(await people(desk)) == len(NAMES) + 1

    for name in NAMES:
        [found] = await people(desk, user_id=name)
        assert (found["user_id"], found["email"]) == (name, None)
        theirs = (await desk.get("/v1/feedback", person=found["id"]))["items"]
        assert [each["body"] for each in theirs] == [quote(name)]
    [found] = await people(desk, email="A@Example.test")
    assert (found["user_id"], found["email"]) == (None, "a@example.test")


@pytest.mark.parametrize("user_id", ["u\x00", "u" * 10_000, "\ud800", " "])
async def test_names_that_nobody_can_have_are_refused_or_found_to_be_nobody(desk, user_id):
    sent = user_id.encode("utf-8", "surrogatepass")
    answer = await desk.client.get(f"/v1/people?user_id={quote(sent)}", headers=desk.agent)
    assert answer.status_code in {200, 400, 422}
    assert answer.status_code != 200 or answer.json()["items"] == []
