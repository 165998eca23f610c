"""Annotations: through the door, and those that the service makes by itself."""

import asyncio
from datetime import timedelta
from urllib.parse import urljoin
from uuid import uuid4

import pytest
from pydantic import ValidationError

from opsloop_common.contracts.campaigns import CampaignLaunched
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.annotations.consumers import LAUNCHES

PATH = "/v1/annotations"
NOTE = {"at": "2026-03-10T09:00:00Z", "text": "Prices went up", "link": "https://example.com/prices?a=1#b"}


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


def launched(world, name="Spring sale", **fields):
    data = CampaignLaunched(campaign_id=uuid4(), name=name, audience_size=7)
    return make_event(data, **({"time": world.now} | fields))


def published(world, thing, **data):
    return thing(data, at=world.now, type="release.published")


async def listed(world, **query):
    return (await world.get(PATH, **query))["items"]


async def test_an_annotation_is_noted_shown_changed_and_thrown_away(world):
    made = await world.send("POST", PATH, json=NOTE)
    assert made.status_code == 201
    assert made.json() | NOTE | {"source": "person"} == made.json()
    at = urljoin(PATH, made.headers["location"])

    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])

    change = {"at": "2026-03-11T09:00:00Z", "text": "价格上调", "link": None}
    headers = world.headers | {"If-Match": shown.headers["etag"]}
    changed = await world.send("PATCH", at, json=change, headers=headers)
    assert (changed.status_code, changed.json() | change) == (200, changed.json())
    assert (await world.send("PATCH", at, json={"text": "x"}, headers=headers)).status_code == 412
    assert (await world.send("DELETE", at, headers=headers)).status_code == 412

    assert (await world.send("DELETE", at)).status_code == 204
    assert (await world.send("GET", at)).status_code == 404


MALFORMED = [
    ({"text": ""}, ["/text"]),
    ({"text": "a" * 201}, ["/text"]),
    ({"text": "\u200b"}, ["/text"]),
    ({"at": "yesterday"}, ["/at"]),
    ({"at": "2026-03-10T09:00:00"}, ["/at"]),
    ({"at": None}, ["/at"]),
    ({"link": "javascript:alert(1)"}, ["/link"]),
    ({"link": "https://a b"}, ["/link"]),
    ({"link": "https://" + "a" * 2_000}, ["/link"]),
    ({"source": "campaign"}, ["/source"]),
]


async def test_what_is_malformed_is_named(world, subtests):
    for fields, wanted in MALFORMED:
        with subtests.test(fields=fields):
            refused = await world.send("POST", PATH, json=NOTE | fields)
            assert (refused.status_code, pointers(refused)) == (422, wanted)


async def test_they_are_listed_by_time_the_latest_first(world):
    for day in (3, 1, 2):
        await world.post(PATH, {"at": f"2026-03-0{day}T00:00:00Z", "text": f"day {day}"})

    async def days(**query):
        return [each["text"] for each in await listed(world, **query)]

    assert await days() == ["day 3", "day 2", "day 1"]
    assert await days(**{"from": "2026-03-02T00:00:00Z"}) == ["day 3", "day 2"]
    assert await days(to="2026-03-02T00:00:00Z") == ["day 1"]
    assert await days(**{"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}) == ["day 2"]
    assert await days(source="campaign") == []


async def test_those_of_one_moment_are_paged_in_one_order(world):
    for number in range(5):
        await world.post(PATH, {"at": "2026-03-01T00:00:00Z", "text": f"{number}"})

    seen, query = [], {"limit": 2}
    while True:
        page = await world.get(PATH, **query)
        seen += [each["text"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == ["4", "3", "2", "1", "0"]


async def test_a_campaign_that_is_launched_is_noted_once_however_often_it_is_heard(world):
    event = launched(world)

    for _ in range(3):
        await deliver(world.api.db, LAUNCHES, event)

    [made] = await listed(world)
    assert (made["text"], made["source"], made["link"]) == ("Spring sale", "campaign", None)
    assert made["at"] == event.time.isoformat().replace("+00:00", "Z")


async def test_what_happened_long_ago_stands_where_it_happened(world):
    first = world.now - timedelta(days=40)

    await deliver(world.api.db, LAUNCHES, launched(world, "second"))
    await deliver(world.api.db, LAUNCHES, launched(world, "first", time=first))

    assert [each["text"] for each in await listed(world)] == ["second", "first"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"title": "Dark mode", "name": "n", "version": "2.4"}, "Dark mode"),
        ({"name": "Autumn", "version": "2.4"}, "Autumn"),
        ({"version": "2.4"}, "2.4"),
        ({"title": "  ", "version": " 2.4 "}, "2.4"),
        ({"title": 7}, "release"),
        ({}, "release"),
        ({"title": "长" * 300}, "长" * 199 + "…"),
    ],
)
async def test_a_release_is_noted_by_what_it_calls_itself(world, thing, data, text):
    await deliver(world.api.db, LAUNCHES, published(world, thing, **data))

    [made] = await listed(world)
    assert (made["text"], made["source"]) == (text, "release")


async def test_one_of_the_services_own_can_be_changed_and_does_not_come_back(world):
    event = launched(world)
    await deliver(world.api.db, LAUNCHES, event)
    [made] = await listed(world, source="campaign")

    changed = await world.send("PATCH", f"{PATH}/{made['id']}", json={"text": "Our spring sale"})
    assert (changed.status_code, changed.json()["source"]) == (200, "campaign")
    assert (await world.send("DELETE", f"{PATH}/{made['id']}")).status_code == 204

    await deliver(world.api.db, LAUNCHES, event)
    assert await listed(world) == []


async def test_a_launch_that_says_nothing_leaves_nothing_behind(world):
    poison = launched(world).model_copy(update={"data": {"name": None}})

    with pytest.raises(ValidationError):
        await deliver(world.api.db, LAUNCHES, poison)

    assert await listed(world) == []


async def test_it_is_noted_where_it_happened_and_nowhere_else(world):
    await deliver(world.api.db, LAUNCHES, launched(world, workspace="other"))
    theirs = await world.api.key("metrics:read", workspace="other")

    assert await listed(world) == []
    shown = await world.send("GET", PATH, headers=theirs)
    assert [each["text"] for each in shown.json()["items"]] == ["Spring sale"]


async def test_nobody_else_sees_it(world):
    made = await world.post(PATH, NOTE)
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    for method, body in (("GET", None), ("PATCH", {"text": "x"}), ("DELETE", None)):
        answer = await world.send(method, f"{PATH}/{made['id']}", json=body, headers=theirs)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no annotation with this id.")
    assert (await world.send("GET", PATH, headers=theirs)).json()["items"] == []


async def test_rights_are_for_reading_and_writing(world):
    made = await world.post(PATH, NOTE)
    reader, writer = await world.api.key("metrics:read"), await world.api.key("metrics:write")

    assert (await world.send("GET", PATH, headers=reader)).status_code == 200
    assert (await world.send("GET", PATH, headers=writer)).status_code == 403
    assert (await world.send("POST", PATH, json=NOTE, headers=reader)).status_code == 403
    assert (await world.send("DELETE", f"{PATH}/{made['id']}", headers=reader)).status_code == 403


async def test_the_audit_log_says_when_and_not_what(world):
    await world.post(PATH, NOTE)
    await deliver(world.api.db, LAUNCHES, launched(world, "Secret sale"))

    admin = await world.api.key("metrics:admin")
    entries = (await world.send("GET", "/v1/audit", headers=admin)).json()["items"]
    own = [entry for entry in entries if entry["action"].startswith("annotation.")]

    assert [entry["after"]["source"] for entry in own] == ["campaign", "person"]
    assert "Secret" not in str(own)
    assert "prices" not in str(own).lower()


async def test_the_same_event_from_two_sides_at_once_is_noted_once(world):
    event = launched(world)

    heard = await asyncio.gather(*(deliver(world.api.db, LAUNCHES, event) for _ in range(5)), return_exceptions=True)

    assert [each for each in heard if isinstance(each, Exception)] == []
    assert len(await listed(world)) == 1


async def test_what_people_and_the_service_noted_stands_in_one_list(world, thing):
    await world.post(PATH, NOTE | {"at": world.now.isoformat()})
    await deliver(world.api.db, LAUNCHES, launched(world), published(world, thing, version="2.4"))

    async def texts(**query):
        return {each["text"] for each in await listed(world, **query)}

    assert await texts() == {"Prices went up", "Spring sale", "2.4"}
    assert await texts(source="person") == {"Prices went up"}
    assert await texts(source=["campaign", "release"]) == {"Spring sale", "2.4"}


async def test_two_campaigns_of_one_name_are_two(world):
    await deliver(world.api.db, LAUNCHES, launched(world), launched(world))

    assert [each["text"] for each in await listed(world)] == ["Spring sale"] * 2


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "yesterday"}, "/query/from"),
        ({"to": "2026-03-01"}, "/query/to"),
        ({"source": "nobody"}, "/query/source/0"),
        ({"since": "x"}, "/query/since"),
    ],
)
async def test_a_list_that_cannot_be_is_refused_by_the_parameters_name(world, query, pointer):
    refused = await world.send("GET", PATH, params=query)

    assert (refused.status_code, pointers(refused)) == (422, [pointer])


@pytest.mark.parametrize("name", ["</text><script>alert(1)</script>", "\u202egnirps", "春季促销 🎉", "a\nb", "x" * 200])
async def test_a_campaign_may_be_called_anything(world, name):
    await deliver(world.api.db, LAUNCHES, launched(world, name))

    [made] = await listed(world)
    assert made["text"] == name


@pytest.mark.parametrize("fields", [{"at": None}, {"text": None}, {"source": "person"}, {"at": "2026-13-01T00:00:00Z"}])
async def test_a_change_that_is_malformed_changes_nothing(world, fields):
    made = await world.post(PATH, NOTE)

    refused = await world.send("PATCH", f"{PATH}/{made['id']}", json=fields)

    assert (refused.status_code, pointers(refused)) == (422, [f"/{next(iter(fields))}"])
    assert await world.get(f"{PATH}/{made['id']}") == made
