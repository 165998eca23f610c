"""Objectives through the door: set, shown, listed, changed, refused."""

import asyncio
from urllib.parse import urljoin

import pytest

from services.metrics.tests.goals import PATH, QUARTER, Goals, pointers


@pytest.fixture
def goals(world):
    return Goals.before_the_quarter(world)


async def test_an_objective_is_set_shown_changed_and_thrown_away(goals):
    world = goals.world
    made = await world.send("POST", PATH, json=QUARTER | {"description": "留住客户"})
    assert made.status_code == 201, made.text
    wanted = QUARTER | {
        "description": "留住客户",
        "from": "2026-10-01",
        "to": "2026-12-31",
        "parent_id": None,
        "progress": None,
        "pace": 0,
        "state": "not_started",
    }
    assert made.json() | wanted == made.json()
    at = urljoin(PATH, made.headers["location"])
    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])

    headers = world.headers | {"If-Match": shown.headers["etag"]}
    change = {"title": "Fewer leave", "from": "2026-10-05", "to": "2026-10-11", "owner": None}
    changed = await world.send("PATCH", at, json=change, headers=headers)
    assert (changed.status_code, changed.json() | change | {"period": None}) == (200, changed.json())
    assert (await world.send("PATCH", at, json={"title": "x"}, headers=headers)).status_code == 412
    assert (await world.send("DELETE", at, headers=headers)).status_code == 412

    assert (await world.send("DELETE", at)).status_code == 204
    assert (await world.send("GET", at)).status_code == 404
    await goals.day(50)
    assert await goals.risks() == []


MALFORMED = [
    ({"title": ""}, ["/title"]),
    ({"title": "\u200b"}, ["/title"]),
    ({"period": "Q4"}, ["/period"]),
    ({"period": None}, ["/from"]),
    ({"period": None, "from": "2026-10-01"}, ["/to"]),
    ({"from": "2026-10-01", "to": "2026-10-02"}, ["/period"]),
    ({"period": None, "from": "2026-10-02", "to": "2026-10-01"}, ["/to"]),
    ({"period": None, "from": "2026-10-02", "to": "2028-10-01"}, ["/to"]),
    ({"period": None, "from": "2026-02-30", "to": "2026-10-01"}, ["/from"]),
    ({"period": None, "from": 20261001, "to": "2026-10-01"}, ["/from"]),
    ({"parent_id": "01980000-0000-7000-8000-000000000000"}, ["/parent_id"]),
    ({"state": "achieved"}, ["/state"]),
]


async def test_what_is_malformed_is_named(goals, subtests):
    for fields, wanted in MALFORMED:
        with subtests.test(fields=fields):
            refused = await goals.world.send("POST", PATH, json=QUARTER | fields)
            assert (refused.status_code, pointers(refused)) == (422, wanted)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"start": 100}, ["/target"]),
        ({"start": None}, ["/start"]),
        ({"weight": 0}, ["/weight"]),
        ({"weight": -1}, ["/weight"]),
        ({"kpi": "nobody"}, ["/kpi"]),
        ({"kpi": ""}, ["/kpi"]),
        ({"value": 3}, ["/value"]),
    ],
)
async def test_a_key_result_that_makes_no_sense_is_refused(goals, fields, wanted):
    objective = await goals.objective()
    body = {"title": "Renewals", "start": 0, "target": 100} | fields
    refused = await goals.world.send("POST", f"{objective}/key-results", json=body)
    assert (refused.status_code, pointers(refused)) == (422, wanted)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, ["/confidence"]),
        ({"confidence": 0}, ["/confidence"]),
        ({"confidence": 6}, ["/confidence"]),
        ({"confidence": 2.5}, ["/confidence"]),
        ({"confidence": 3, "note": ""}, ["/note"]),
        ({"confidence": 3, "value": "7"}, ["/value"]),
    ],
)
async def test_a_check_in_that_says_nothing_is_refused(goals, body, wanted):
    result = await goals.result(await goals.objective())
    refused = await goals.world.send("POST", f"{result}/check-ins", json=body)
    assert (refused.status_code, pointers(refused)) == (422, wanted)


async def test_check_ins_are_kept_the_latest_first(goals):
    result = await goals.result(await goals.objective())
    for value in (1, 2, 3):
        await goals.say(result, value, note=f"week {value}", confidence=value)

    page = await goals.world.get(f"{result}/check-ins", limit=2)
    rest = await goals.world.get(f"{result}/check-ins", limit=2, cursor=page["next_cursor"])

    assert [each["note"] for each in page["items"] + rest["items"]] == ["week 3", "week 2", "week 1"]
    assert page["items"][0] | {"value": 3, "confidence": 3} == page["items"][0]
    assert page["items"][0]["said_by"].startswith("key:")


async def test_three_levels_no_circle_and_nothing_left_hanging(goals):
    world = goals.world
    top = await goals.objective()
    middle = await goals.objective(parent_id=top.rpartition("/")[2])
    bottom = await goals.objective(parent_id=middle.rpartition("/")[2])

    too_deep = await world.send("POST", PATH, json=QUARTER | {"parent_id": bottom.rpartition("/")[2]})
    circle = await world.send("PATCH", top, json={"parent_id": bottom.rpartition("/")[2]})
    itself = await world.send("PATCH", top, json={"parent_id": top.rpartition("/")[2]})
    hanging = await world.send("DELETE", middle)
    other = await goals.objective()
    sunk = await world.send("PATCH", top, json={"parent_id": other.rpartition("/")[2]})

    assert [each.status_code for each in (too_deep, circle, itself, hanging, sunk)] == [409] * 5
    assert (await world.get(top))["parent_id"] is None
    moved = await world.send("PATCH", middle, json={"parent_id": None})
    assert (moved.status_code, moved.json()["parent_id"]) == (200, None)


async def test_two_who_move_at_once_make_no_circle(goals):
    first, second = await goals.objective(), await goals.objective()

    moves = [
        goals.world.send("PATCH", one, json={"parent_id": other.rpartition("/")[2]})
        for one, other in ((first, second), (second, first))
    ]

    assert sorted(answer.status_code for answer in await asyncio.gather(*moves)) == [200, 409]


async def test_a_list_is_filtered_paged_and_rolled_up(goals):
    """Three of the quarter: 0.5 on track, 0.1 off track on day 46, one that nothing measures; mean of the measured: 0.3."""
    world = goals.world
    good, bad, bare = [await goals.objective(title=title) for title in ("good", "bad", "bare")]
    month = await goals.objective(title="month", period="2026-11", owner="sales")
    await goals.objective(title="next year", period="2027-Q1")
    results = [await goals.result(each) for each in (good, bad)]
    await goals.day(46)
    await goals.say(results[0], 50)
    await goals.say(results[1], 10)

    async def titles(**query):
        return [each["title"] for each in (await world.get(PATH, **query))["items"]]

    quarter = await world.get(PATH, period="2026-Q4", owner="product", limit=2)
    assert [each["title"] for each in quarter["items"]] == ["bare", "bad"]
    assert quarter["summary"]["objectives"] == 3
    assert quarter["summary"]["progress"] == pytest.approx(0.3)
    assert {state: n for state, n in quarter["summary"]["states"].items() if n} == {
        "on_track": 1,
        "off_track": 1,
        "not_started": 1,
    }
    assert await titles(period="2026-Q4") == ["month", "bare", "bad", "good"]
    assert await titles(period="2026-11") == ["month"]
    assert await titles(owner="sales") == ["month"]
    assert await titles(state=["off_track", "on_track"]) == ["bad", "good"]
    assert await titles(parent_id=month.rpartition("/")[2]) == []
    assert (await world.get(PATH, owner="nobody"))["summary"] == {
        "objectives": 0,
        "progress": None,
        "states": dict.fromkeys(("not_started", "on_track", "at_risk", "off_track", "achieved", "missed"), 0),
    }
    assert bare


@pytest.mark.parametrize(
    ("query", "pointer"),
    [({"period": "Q4"}, "/query/period"), ({"state": "late"}, "/query/state/0"), ({"perod": "2026"}, "/query/perod")],
)
async def test_a_list_that_cannot_be_is_refused_by_the_parameters_name(goals, query, pointer):
    refused = await goals.world.send("GET", PATH, params=query)
    assert (refused.status_code, pointers(refused)) == (422, [pointer])


async def test_an_objective_has_at_most_twenty_key_results(goals):
    objective = await goals.objective()
    for _ in range(20):
        await goals.result(objective)

    refused = await goals.world.send("POST", f"{objective}/key-results", json={"title": "x", "start": 0, "target": 1})
    assert refused.status_code == 409


async def test_nobody_else_sees_it(goals):
    world = goals.world
    objective = await goals.objective()
    result = await goals.result(objective)
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    for path in (objective, result, f"{objective}/key-results", f"{result}/check-ins"):
        assert (await world.send("GET", path, headers=theirs)).status_code == 404
    for path in (objective, result):
        assert (await world.send("PATCH", path, json={"title": "x"}, headers=theirs)).status_code == 404
        assert (await world.send("DELETE", path, headers=theirs)).status_code == 404
    assert (await world.send("GET", PATH, headers=theirs)).json()["summary"]["objectives"] == 0
    below = await world.send("POST", PATH, json=QUARTER | {"parent_id": objective.rpartition("/")[2]}, headers=theirs)
    assert (below.status_code, pointers(below)) == (422, ["/parent_id"])


async def test_rights_are_for_reading_and_writing(goals):
    objective = await goals.objective()
    reader, writer = [await goals.world.api.key(f"metrics:{each}") for each in ("read", "write")]

    assert (await goals.world.send("GET", objective, headers=reader)).status_code == 200
    assert (await goals.world.send("GET", objective, headers=writer)).status_code == 403
    assert (await goals.world.send("POST", PATH, json=QUARTER, headers=reader)).status_code == 403
    assert (await goals.world.send("DELETE", objective, headers=reader)).status_code == 403


async def test_the_audit_log_says_when_and_not_what(goals):
    await goals.result(await goals.objective(description="very secret"), title="also secret")

    admin = await goals.world.api.key("metrics:admin")
    entries = (await goals.world.send("GET", "/v1/audit", headers=admin)).text
    assert "objective.created" in entries
    assert "key_result.created" in entries
    assert "secret" not in entries
