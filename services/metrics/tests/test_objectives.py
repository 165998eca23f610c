"""Objectives through the door: what they come to, what is told, what is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest

PATH = "/v1/objectives"
QUARTER = {"title": "Customers stay", "owner": "product", "period": "2026-Q4"}
START = datetime(2026, 10, 1, tzinfo=UTC)
QUARTER_DAYS = 92


def pointers(answer):
    return [error["pointer"] for error in answer.json().get("errors", [])]


class Goals:
    """Sets objectives of the last quarter of 2026 and tells time in days of it."""

    def __init__(self, world):
        self.world = world

    async def day(self, day):
        """Go to a day of the quarter, and do what is due by then."""
        self.world.api.clock.set(START + timedelta(days=day))
        await self.world.tick()

    async def objective(self, **fields):
        return f"{PATH}/{(await self.world.post(PATH, QUARTER | fields))['id']}"

    async def result(self, objective, **fields):
        body = {"title": "Renewals", "start": 0, "target": 100} | fields
        return f"{objective}/key-results/{(await self.world.post(f'{objective}/key-results', body))['id']}"

    async def say(self, result, value=None, **fields):
        body = {"value": value, "confidence": 3} | fields
        return await self.world.post(f"{result}/check-ins", body)

    async def standing(self, objective):
        found = await self.world.get(objective)
        return found["state"], found["progress"] if found["progress"] is None else round(found["progress"], 6)

    async def risks(self):
        return [event.data["state"] for event in await self.world.told("goal.at_risk")]


@pytest.fixture
def goals(world):
    world.api.clock.set(START - timedelta(days=10))
    return Goals(world)


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


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
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
    ],
)
async def test_what_is_malformed_is_named(goals, fields, wanted):
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


async def test_an_objective_is_the_weighted_mean_of_its_key_results(goals):
    """On day 23 of 92 the pace is 0.25. Renewals 40 of 100 (0.4, weight 1), churn from 8 to 4 is at 7 (0.25, weight 3):
    (0.4 + 3 x 0.25) / 4 = 0.2875."""
    objective = await goals.objective()
    renewals = await goals.result(objective)
    churn = await goals.result(objective, title="Churn", start=8, target=4, weight=3)
    await goals.day(23)

    await goals.say(renewals, 40)
    await goals.say(churn, 7)

    found = await goals.world.get(objective)
    assert (found["state"], found["pace"]) == ("on_track", 0.25)
    assert found["progress"] == pytest.approx(0.2875)
    results = (await goals.world.get(f"{objective}/key-results"))["items"]
    assert [(each["title"], each["value"], each["progress"], each["state"]) for each in results] == [
        ("Renewals", 40, 0.4, "on_track"),
        ("Churn", 7, 0.25, "on_track"),
    ]


async def test_falling_behind_is_told_once_each_time(goals):
    """Of 92 days; the one key result stands at 0 of 100. Behind by more than 0.15 after day 13.8, by more than 0.3 after 27.6."""
    objective = await goals.objective()
    result = await goals.result(objective)
    await goals.day(13)
    assert (await goals.standing(objective), await goals.risks()) == (("on_track", 0.0), [])

    await goals.day(14)
    assert (await goals.standing(objective), await goals.risks()) == (("at_risk", 0.0), ["at_risk"])
    await goals.day(27)
    assert await goals.risks() == ["at_risk"]

    await goals.day(28)
    assert (await goals.standing(objective), await goals.risks()) == (("off_track", 0.0), ["at_risk", "off_track"])

    await goals.say(result, 10)  # 28 / 92 - 0.1 = 0.204
    assert (await goals.standing(objective), len(await goals.risks())) == (("at_risk", 0.1), 2)
    await goals.say(result, 30)
    assert await goals.standing(objective) == ("on_track", 0.3)
    await goals.say(result, 12)
    assert (await goals.standing(objective), await goals.risks()) == (
        ("at_risk", 0.12),
        ["at_risk", "off_track", "at_risk"],
    )


async def test_what_is_told_names_what_is_behind(goals):
    objective = await goals.objective()
    behind, ahead = await goals.result(objective), await goals.result(objective, title="Praise")
    await goals.day(10)
    await goals.say(ahead, 20)
    await goals.day(46)

    event = (await goals.world.told("goal.at_risk"))[-1]
    data = event.data
    assert data | {"title": "Customers stay", "period": "2026-Q4", "state": "off_track", "progress": 0.1} == data
    assert (data["first_day"], data["last_day"]) == ("2026-10-01", "2026-12-31")
    assert behind.rpartition("/")[2] in data["key_result_ids"]
    assert event.subject == f"objective/{objective.rpartition('/')[2]}"
    assert "owner" not in data


async def test_it_ends_achieved_or_missed(goals):
    reached, short = await goals.objective(title="Reached"), await goals.objective(title="Short")
    results = [await goals.result(objective) for objective in (reached, short)]
    await goals.day(85)
    for result, value in zip(results, (120, 99), strict=True):
        await goals.say(result, value)
    assert [await goals.standing(each) for each in (reached, short)] == [("achieved", 1), ("on_track", 0.99)]

    await goals.day(QUARTER_DAYS + 1)

    assert [await goals.standing(each) for each in (reached, short)] == [("achieved", 1), ("missed", 0.99)]
    await goals.say(results[1], 100)  # counted late
    assert await goals.standing(short) == ("achieved", 1)


async def test_before_it_begins_nothing_is_behind(goals):
    objective = await goals.objective()
    result = await goals.result(objective)
    await goals.say(result, 50)

    assert await goals.standing(objective) == ("not_started", 0.5)
    await goals.day(0)
    assert await goals.standing(objective) == ("on_track", 0.5)


async def test_a_reported_kpi_measures_at_once(goals):
    """CSAT goes from 4.0 to 4.5; the latest value of the quarter counts: 4.2 is 0.4 of the way."""
    world = goals.world
    await world.kpi(key="csat")
    await world.report(4.4, key="csat")  # ten days before: of another quarter
    objective = await goals.objective()
    result = await goals.result(objective, title="CSAT", kpi="csat", start=4.0, target=4.5)
    await goals.day(10)
    assert (await world.get(result))["value"] is None

    await world.report(4.2, key="csat")
    await world.tick()

    found = await world.get(result)
    assert (found["kpi"], found["value"]) == ("csat", 4.2)
    assert await goals.standing(objective) == ("on_track", 0.4)
    refused = await world.send("POST", f"{result}/check-ins", json={"confidence": 2, "value": 4.3})
    assert refused.status_code == 409
    await goals.say(result, None, confidence=2, note="有信心")
    assert (await world.get(result))["confidence"] == 2


async def test_a_kpi_of_events_measures_the_time_so_far(goals):
    """Three of the four events are of the quarter: 3 of 6 is 0.5."""
    world = goals.world
    await world.kpi({"type": "events", "event": "feedback.received", "aggregate": "count"}, key="posts")
    await world.hear(world.received())
    objective = await goals.objective()
    await goals.result(objective, title="Posts", kpi="posts", start=0, target=6)
    await goals.day(5)
    await world.hear(world.received(), world.received(), world.received())

    await goals.day(6)

    assert await goals.standing(objective) == ("on_track", 0.5)
    await goals.day(QUARTER_DAYS)
    await world.hear(*(world.received() for _ in range(5)))  # of the next quarter
    await goals.day(QUARTER_DAYS + 3)
    assert await goals.standing(objective) == ("missed", 0.5)


async def test_a_kpi_that_goes_leaves_its_last_value(goals):
    world = goals.world
    await world.kpi(key="csat")
    objective = await goals.objective()
    result = await goals.result(objective, kpi="csat")
    await goals.day(1)
    await world.report(40, key="csat")
    await world.tick()
    assert (await world.send("DELETE", "/v1/kpis/csat")).status_code == 204
    await world.kpi(key="csat")  # another one of the same name

    await goals.day(2)

    found = await world.get(result)
    assert (found["kpi"], found["value"]) == (None, 40)
    await goals.say(result, 50)
    assert await goals.standing(objective) == ("on_track", 0.5)


async def test_a_key_result_is_changed_and_thrown_away(goals):
    world = goals.world
    objective = await goals.objective()
    kept, other = await goals.result(objective), await goals.result(objective, weight=3)
    await goals.day(1)
    await goals.say(kept, 50)
    assert await goals.standing(objective) == ("on_track", 0.125)

    changed = await world.send("PATCH", kept, json={"target": 200, "weight": 5})
    assert (changed.status_code, changed.json()["progress"]) == (200, 0.25)
    assert await goals.standing(objective) == ("on_track", 0.15625)  # 5 x 0.25 / 8
    refused = await world.send("PATCH", kept, json={"start": 200})
    assert (refused.status_code, pointers(refused)) == (422, ["/target"])
    stale = world.headers | {"If-Match": '"1"'}
    assert (await world.send("PATCH", kept, json={"target": 300}, headers=stale)).status_code == 412

    assert (await world.send("DELETE", other)).status_code == 204
    assert await goals.standing(objective) == ("on_track", 0.25)
    assert (await world.send("GET", other)).status_code == 404


async def test_check_ins_are_kept_the_latest_first(goals):
    result = await goals.result(await goals.objective())
    for value in (1, 2, 3):
        await goals.say(result, value, note=f"week {value}", confidence=value)

    page = await goals.world.get(f"{result}/check-ins", limit=2)
    rest = await goals.world.get(f"{result}/check-ins", limit=2, cursor=page["next_cursor"])

    assert [each["note"] for each in page["items"] + rest["items"]] == ["week 3", "week 2", "week 1"]
    assert page["items"][0] | {"value": 3, "confidence": 3} == page["items"][0]
    assert page["items"][0]["said_by"].startswith("key:")


async def test_a_parent_without_key_results_is_the_mean_of_what_is_below(goals):
    """Children stand at 0.2 and 0.6, a third measures nothing: (0.2 + 0.6) / 2 = 0.4; so does the top, of one child."""
    top = await goals.objective(title="Company")
    team = await goals.objective(title="Team", parent_id=top.rpartition("/")[2])
    below = [await goals.objective(title=f"{n}", parent_id=team.rpartition("/")[2]) for n in range(3)]
    await goals.day(1)
    for objective, value in zip(below, (20, 60), strict=False):
        await goals.say(await goals.result(objective), value)

    await goals.world.tick()

    assert [await goals.standing(each) for each in (team, top)] == [("on_track", 0.4), ("on_track", 0.4)]
    assert (await goals.world.send("DELETE", below[1])).status_code == 204
    await goals.world.tick()
    assert await goals.standing(top) == ("on_track", 0.2)


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


async def test_the_quarter_is_the_workspaces(goals):
    """In Shanghai the quarter begins 8 hours earlier than in UTC: of its 92 days 8 hours have passed."""
    world = goals.world
    admin = await world.api.key("metrics:admin")
    await world.send("PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai"}, headers=admin)
    objective = await goals.objective()

    await goals.day(0)

    found = await world.get(objective)
    assert found["pace"] == pytest.approx(8 / 24 / QUARTER_DAYS)


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
