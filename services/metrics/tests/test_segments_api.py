"""Segments through the door: described, changed, listed, exported, refused in words."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from urllib.parse import urljoin

import pytest

from opsloop_common.limits import SEGMENTS_PER_WORKSPACE
from opsloop_metrics.segments import service
from services.metrics.tests.analyst import did
from services.metrics.tests.segmenting import Marketer, event, prop

PATH = "/v1/segments"
DYNAMIC = {"name": "Buyers", "kind": "dynamic", "definition": {"conditions": [event("buy")]}}
STATIC = {"name": "Friends", "kind": "static"}
UNKNOWN = "0191f4b0-0000-7000-8000-000000000001"


def member(segment, **more):
    return {"type": "segment", "segment_id": segment} | more


@pytest.fixture
def marketer(world_with_store):
    found = Marketer(world_with_store)
    found.at("10T12:00")
    return found


@pytest.fixture
def world(marketer):
    return marketer.world


async def refused(world, body, path=PATH, method="POST", status=422):
    answer = await world.send(method, path, json=body)
    assert answer.status_code == status, answer.text
    return [(each["pointer"], each["detail"]) for each in answer.json().get("errors", ())] or answer.json()["detail"]


async def test_a_segment_is_described_shown_changed_and_thrown_away(world):
    made = await world.send("POST", PATH, json=DYNAMIC | {"description": "买过的人"})
    assert made.status_code == 201, made.text
    at = urljoin(PATH, made.headers["location"])
    body = made.json()
    assert [each["name"] for each in body.pop("warnings")] == ["buy"], "nobody bought yet"
    assert (body["name"], body["kind"], body["description"]) == ("Buyers", "dynamic", "买过的人")
    assert (body["size"], body["refreshed_at"], body["error"]) == (0, None, None)
    assert body["definition"] == {
        "match": "all",
        "conditions": [{"type": "event", "event": "buy", "where": [], "op": "ge", "count": 1, "within": None}],
        "exclude": {"segment_ids": [], "user_ids": []},
    }

    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (body, made.headers["etag"])
    changed = await world.send("PATCH", at, json={"name": "买家", "description": None})
    assert (changed.json()["name"], changed.json()["description"]) == ("买家", None)
    stale = await world.send(
        "PATCH", at, json={"name": "x"}, headers=world.headers | {"If-Match": made.headers["etag"]}
    )
    assert stale.status_code == 412
    # what was shown may be sent back, and changes nothing
    again = await world.send("PATCH", at, json={"definition": body["definition"]})
    assert again.headers["etag"] == changed.headers["etag"]

    assert (await world.send("DELETE", at)).status_code == 204
    assert (await world.send("GET", at)).status_code == 404
    assert (await world.send("GET", f"{at}/members")).status_code == 404


async def test_lists_of_segments_are_filtered_and_paged(world):
    for number in range(3):
        await world.post(PATH, DYNAMIC | {"name": f"买家 {number}"})
    await world.post(PATH, STATIC | {"description": "100% 朋友"})

    names = [each["name"] for each in (await world.get(PATH))["items"]]
    assert names == ["Friends", "买家 2", "买家 1", "买家 0"]
    assert [each["name"] for each in (await world.get(PATH, kind="static"))["items"]] == ["Friends"]
    assert len((await world.get(PATH, text="买家"))["items"]) == 3
    assert [each["name"] for each in (await world.get(PATH, text="100%"))["items"]] == ["Friends"]
    page = await world.get(PATH, limit=3)
    rest = await world.get(PATH, limit=3, cursor=page["next_cursor"])
    assert [each["name"] for each in page["items"] + rest["items"]] == names


GROUPS = {"type": "group", "conditions": [{"type": "group", "conditions": [{"type": "group", "conditions": []}]}]}


UNCLEAR = [
    ({"conditions": [{"type": "evnt"}]}, "/definition/conditions/0/type", "did you mean event?"),
    ({"conditions": [{"event": "buy"}]}, "/definition/conditions/0/type", "required"),
    ({"match": "some"}, "/definition/match", "must be one of all, any"),
    ({"conditions": [event("buy", "gt")]}, "/definition/conditions/0/op", "must be one of ge, le, eq"),
    ({"conditions": [event("buy", "ge", -1)]}, "/definition/conditions/0/count", "greater than or equal to 0"),
    ({"conditions": [event("buy", "ge", 1.5)]}, "/definition/conditions/0/count", "integer"),
    ({"conditions": [event("buy", within="30 days")]}, "/definition/conditions/0/within", "ISO 8601 duration"),
    ({"conditions": [event("buy", within="PT0S")]}, "/definition/conditions/0/within", "longer than nothing"),
    ({"conditions": [event("buy", within="P3661D")]}, "/definition/conditions/0/within", "at most 3660 days"),
    ({"conditions": [event("")]}, "/definition/conditions/0/event", "at least 1"),
    (
        {"conditions": [event("buy", where=[{"field": "amount", "op": "eq", "value": 1}])]},
        "/definition/conditions/0/where/0/field",
        "a property is called properties.amount",
    ),
    ({"conditions": [prop("median", "eq", 1)]}, "/definition/conditions/0/aggregate", "must be one of sum"),
    ({"conditions": [prop("sum", "eq", [1])]}, "/definition/conditions/0/value", "eq takes"),
    ({"conditions": [prop("sum", "in", 1)]}, "/definition/conditions/0/value", "in takes a list"),
    ({"conditions": [prop("sum", "ge", None)]}, "/definition/conditions/0/value", "ge takes a number or a text"),
    (
        {"conditions": [prop("sum", "eq", 1, property="amount")]},
        "/definition/conditions/0/property",
        "did you mean properties.amount?",
    ),
    ({"conditions": [{"type": "trait", "trait": "a..b", "op": "exists"}]}, "/definition/conditions/0/trait", ""),
    ({"conditions": [{"type": "trait", "trait": "a"}]}, "/definition/conditions/0/op", "required"),
    ({"conditions": [{"type": "rfm", "recency": [6]}]}, "/definition/conditions/0/recency/0", "less than or equal"),
    ({"conditions": [{"type": "rfm", "recency": []}]}, "/definition/conditions/0/recency", "at least 1"),
    ({"conditions": [{"type": "rfm", "currency": "RMB"}]}, "/definition/conditions/0/currency", "CNY"),
    (
        {"conditions": [{"type": "lifecycle", "stage": "gone", "interval": "day"}]},
        "/definition/conditions/0/stage",
        "must be one of new, returning, resurrecting, dormant",
    ),
    (
        {"conditions": [{"type": "lifecycle", "stage": "new", "interval": "hour"}]},
        "/definition/conditions/0/interval",
        "must be one of day, week, month",
    ),
    ({"conditions": [GROUPS]}, "/definition/conditions/0/conditions/0/conditions/0/type", "must be one of"),
    ({"conditions": [event("buy")] * 21}, "/definition/conditions", "at most 20"),
    (
        {"conditions": [{"type": "group", "conditions": [event("buy")] * 11}] * 2},
        "/definition/conditions",
        "may be 20 in all",
    ),
    ({"exclude": {"user_ids": ["u"] * 1_001}}, "/definition/exclude/user_ids", "at most 1000"),
    ({"exclude": {"users": []}}, "/definition/exclude/users", "not known"),
    ({"conditions": [member(UNKNOWN)]}, "/definition", "a segment that is not there"),
    ({"exclude": {"segment_ids": [UNKNOWN]}}, "/definition", "a segment that is not there"),
]


async def test_a_definition_that_says_nothing_clear_is_refused_in_words(world, subtests):
    for definition, pointer, words in UNCLEAR:
        with subtests.test(definition=definition):
            for path, body in (
                (PATH, DYNAMIC | {"definition": definition}),
                (f"{PATH}/preview", {"definition": definition}),
            ):
                [(where, detail), *_] = await refused(world, body, path)
                assert where == pointer
                assert words in detail
            assert (await world.get(PATH))["items"] == []


async def test_a_list_has_no_definition_and_the_others_have_one(world):
    assert await refused(world, {"name": "x", "kind": "dynamic"}) == [("/definition", "a dynamic segment has one")]
    assert "no definition" in await refused(world, STATIC | {"definition": {}}, status=409)

    friends, buyers = [(await world.post(PATH, each))["id"] for each in (STATIC, DYNAMIC)]
    given = {"definition": DYNAMIC["definition"]}
    assert "no definition" in await refused(world, given, f"{PATH}/{friends}", "PATCH", 409)
    assert await refused(world, {"definition": None}, f"{PATH}/{buyers}", "PATCH") == [
        ("/definition", "a dynamic segment has one")
    ]


async def test_no_segment_asks_for_itself_at_once_or_through_others(world):
    first = (await world.post(PATH, DYNAMIC))["id"]
    second = (await world.post(PATH, DYNAMIC | {"definition": {"conditions": [member(first)]}}))["id"]
    inner = {"type": "group", "match": "any", "conditions": [{"type": "group", "conditions": [member(second)]}]}
    third = (await world.post(PATH, DYNAMIC | {"definition": {"conditions": [inner]}}))["id"]

    for asked in (
        {"conditions": [member(third)]},
        {"conditions": [member(first)]},
        {"exclude": {"segment_ids": [second]}},
    ):
        assert "ask for itself" in await refused(world, {"definition": asked}, f"{PATH}/{first}", "PATCH", 409)
    # the other way round is no ring
    fine = {"conditions": [member(first), member(second)]}
    assert (await world.send("PATCH", f"{PATH}/{third}", json={"definition": fine})).status_code == 200


async def test_what_another_asks_for_is_not_thrown_away(world):
    first = (await world.post(PATH, STATIC))["id"]
    second = (await world.post(PATH, DYNAMIC | {"definition": {"exclude": {"segment_ids": [first]}}}))["id"]

    assert f"({second}) asks for this one" in await refused(world, None, f"{PATH}/{first}", "DELETE", 409)
    for each in (second, first):
        assert (await world.send("DELETE", f"{PATH}/{each}")).status_code == 204


async def test_a_workspace_has_so_many_segments(world, monkeypatch):
    assert SEGMENTS_PER_WORKSPACE == 200
    monkeypatch.setattr(service, "SEGMENTS_PER_WORKSPACE", 2)
    for _ in range(2):
        await world.post(PATH, STATIC)

    assert await refused(world, STATIC, status=409) == "A workspace has at most 2 segments."


# Lists


async def test_people_are_put_on_a_list_and_taken_off(marketer):
    friends = await marketer.listed()

    assert await marketer.put(friends, "u1", "用户二", "u1") == {"changed": 2, "unchanged": 0, "erased": 0}
    assert await marketer.put(friends, "u1", "u3") == {"changed": 1, "unchanged": 1, "erased": 0}
    assert await marketer.members(friends) == ["u1", "u3", "用户二"]
    assert await marketer.take(friends, "u1", "u9") == {"changed": 1, "unchanged": 1, "erased": 0}
    assert await marketer.take(friends, "u1") == {"changed": 0, "unchanged": 1, "erased": 0}
    assert await marketer.members(friends) == ["u3", "用户二"]
    assert (await marketer.world.get(f"{PATH}/{friends}"))["size"] == 2
    assert await marketer.told() == [
        ("segment.entered", ["u1", "用户二"]), ("segment.entered", ["u3"]), ("segment.left", ["u1"]),
    ]  # fmt: skip


async def test_any_id_of_somebody_puts_them_on_and_takes_them_off(marketer):
    await marketer.tell(did("u1", "buy", "09", anonymousId="a1"))
    friends = await marketer.listed("a1")

    assert await marketer.members(friends) == ["u1"]
    assert await marketer.put(friends, "u1", "a1") == {"changed": 0, "unchanged": 1, "erased": 0}
    assert await marketer.take(friends, "a1") == {"changed": 1, "unchanged": 0, "erased": 0}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user_ids": []}, "/user_ids"),
        ({"user_ids": ["u"] * 1_001}, "/user_ids"),
        ({"user_ids": [""]}, "/user_ids/0"),
        ({"user_ids": [1]}, "/user_ids/0"),
        ({}, "/user_ids"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_cannot_be_put_on_a_list_is_named(marketer, body, pointer):
    friends = await marketer.listed()

    for method in ("PUT", "DELETE"):
        found = await refused(marketer.world, body, f"{PATH}/{friends}/members", method)
        assert found[0][0] == pointer


async def test_the_members_of_a_dynamic_segment_follow_its_definition(marketer):
    segment = await marketer.segment(event("buy"))

    for method in ("PUT", "DELETE"):
        told = await refused(marketer.world, {"user_ids": ["u1"]}, f"{PATH}/{segment}/members", method, 409)
        assert "follow its definition" in told


async def test_a_list_has_so_many_people(marketer, monkeypatch):
    monkeypatch.setattr(service, "SEGMENT_LISTED", 2)
    friends = await marketer.listed("u1", "u2")

    told = await refused(marketer.world, {"user_ids": ["u1", "u3"]}, f"{PATH}/{friends}/members", "PUT", 409)
    assert told == "A list has at most 2 people."
    assert await marketer.put(friends, "u1", "u2") == {"changed": 0, "unchanged": 2, "erased": 0}


# Members


async def test_members_are_exported_by_cursor_each_once_while_others_come(marketer):
    friends = await marketer.listed(*(f"u{number:04}" for number in range(1_000)))
    at, found, cursor = f"{PATH}/{friends}/members", [], None
    while True:
        page = await marketer.world.get(at, limit=300, **({"cursor": cursor} if cursor else {}))
        found += [each["user_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        marketer.world.api.clock.advance(1)
        await marketer.put(friends, f"v{len(found)}")

    assert sorted(found) == sorted({*(f"u{number:04}" for number in range(1_000)), "v300", "v600", "v900"})
    assert len((await marketer.world.get(at, limit=1_000))["items"]) == 1_000
    assert (await marketer.world.send("GET", at, params={"limit": 1_001})).status_code == 422


async def test_only_those_who_came_lately(marketer):
    friends = await marketer.listed("u1")
    marketer.world.api.clock.advance(timedelta(hours=1))
    await marketer.put(friends, "u2")

    found = await marketer.world.get(f"{PATH}/{friends}/members", entered_from="2026-03-10T12:00:01Z")

    assert [each["user_id"] for each in found["items"]] == ["u2"]


async def test_members_as_csv_a_page_at_a_time(marketer):
    friends = await marketer.listed("=1+1", "用户", "u1")
    headers = marketer.world.headers | {"Accept": "text/csv"}

    first = await marketer.world.send("GET", f"{PATH}/{friends}/members", params={"limit": 2}, headers=headers)
    link = first.headers["link"]
    assert link.endswith('>; rel="next"')
    following = link.removeprefix("<").partition(">")[0]
    second = await marketer.world.send("GET", f"{PATH}/{friends}/members{following}", headers=headers)

    rows = [list(csv.DictReader(io.StringIO(answer.text))) for answer in (first, second)]
    assert [len(each) for each in rows] == [2, 1]
    assert sorted(row["user_id"] for page in rows for row in page) == ["'=1+1", "u1", "用户"]
    assert {row["entered_at"] for page in rows for row in page} == {"2026-03-10T12:00:00Z"}
    assert "link" not in second.headers


async def test_another_workspace_sees_no_segment_and_puts_nobody_on_its_list(marketer):
    world = marketer.world
    friends = await marketer.listed("u1")
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    assert (await world.send("GET", PATH, headers=theirs)).json()["items"] == []
    for method, path, body in (
        ("GET", f"{PATH}/{friends}", None),
        ("GET", f"{PATH}/{friends}/members", None),
        ("PUT", f"{PATH}/{friends}/members", {"user_ids": ["u2"]}),
        ("POST", f"{PATH}/{friends}/refresh", None),
        ("DELETE", f"{PATH}/{friends}", None),
    ):
        assert (await world.send(method, path, json=body, headers=theirs)).status_code == 404, path
    body = DYNAMIC | {"definition": {"conditions": [member(friends)]}}
    assert (await world.send("POST", PATH, json=body, headers=theirs)).status_code == 422
    assert await marketer.members(friends) == ["u1"]


# Preview


async def test_a_preview_shows_some_and_keeps_nothing(marketer):
    await marketer.tell(*(did(f"u{number:02}", "buy", "09") for number in range(60)))

    found = await marketer.world.post(f"{PATH}/preview", {"definition": DYNAMIC["definition"]}, 200)

    assert (found["size"], found["is_estimate"], len(found["sample"])) == (60, False, 50)
    assert found["as_of"] == "2026-03-10T12:00:00Z"
    assert 0 <= found["took_ms"] < 10_000
    assert (await marketer.world.get(PATH))["items"] == []
    assert await marketer.told() == []


async def test_a_preview_that_takes_long_is_an_estimate(marketer, monkeypatch):
    monkeypatch.setattr("opsloop_metrics.cohorts.rules.BUCKET_PEOPLE", 20)
    monkeypatch.setattr(service, "PREVIEW_SECONDS", 0.001)
    await marketer.tell(*(did(f"u{number:03}", "buy", "09") for number in range(300)))

    found = await marketer.world.post(f"{PATH}/preview", {"definition": DYNAMIC["definition"]}, 200)

    # one bucket of 16 was looked at: 300 / 16 are about 19 people, so 16 times as many are some hundred
    assert found["is_estimate"]
    assert found["size"] % 16 == 0
    assert 100 <= found["size"] <= 600
