"""Objectives where things happen at once, late, again, or not at all."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_metrics.objectives import service
from services.metrics.tests.goals import PATH, QUARTER, QUARTER_DAYS, START, Goals, pointers


@pytest.fixture
def goals(world):
    return Goals.before_the_quarter(world)


async def judge(goals, objective):
    """Judge as the timer does, in a transaction of its own."""
    async with goals.world.api.db.transaction(Context("acme")) as session:
        await service.judge(session, UUID(objective.rpartition("/")[2]))


async def looks_planned(goals):
    """Return when the next looks are due."""
    async with goals.world.api.db.transaction() as session:
        found = await session.scalars(text(f"SELECT due_at FROM due WHERE kind = '{service.JUDGE}'"))
        return list(found)


async def test_ten_who_judge_at_once_tell_once(goals):
    objective = await goals.objective()
    await goals.result(objective)
    goals.world.api.clock.set(START + timedelta(days=20))

    await asyncio.gather(*(judge(goals, objective) for _ in range(10)))

    assert await goals.risks() == ["at_risk"]


async def test_all_who_check_in_at_once_are_heard(goals):
    objective = await goals.objective()
    results = [await goals.result(objective) for _ in range(4)]
    await goals.day(1)

    await asyncio.gather(*(goals.say(result, 50) for result in results for _ in range(3)))

    assert await goals.standing(objective) == ("on_track", 0.5)
    said = [len((await goals.world.get(f"{result}/check-ins"))["items"]) for result in results]
    assert said == [3] * 4


async def test_a_value_that_is_reported_while_it_is_judged_is_looked_at_too(goals):
    await goals.world.kpi(key="csat")
    objective = await goals.objective()
    await goals.result(objective, kpi="csat")
    await goals.day(1)

    await asyncio.gather(goals.world.report(40, key="csat"), judge(goals, objective))
    await goals.world.tick()

    assert await goals.standing(objective) == ("on_track", 0.4)


async def test_one_that_is_gone_is_not_judged(goals):
    objective = await goals.objective()
    await goals.world.send("DELETE", objective)

    await judge(goals, objective)

    assert await looks_planned(goals) == []


async def test_looks_end_with_the_quarter(goals):
    await goals.objective()
    assert await looks_planned(goals) == [START]
    await goals.day(3)
    assert await looks_planned(goals) == [START + timedelta(days=3, hours=1)]
    await goals.day(QUARTER_DAYS - 0.01)
    assert await looks_planned(goals) == [START + timedelta(days=QUARTER_DAYS)]
    await goals.day(QUARTER_DAYS)
    assert await looks_planned(goals) == []


async def test_time_that_passed_while_nothing_ran_is_told_as_it_stands_now(goals):
    """A worker that was away for a month finds the objective off track: at risk is not told afterwards."""
    objective = await goals.objective()
    await goals.result(objective)
    await goals.day(1)

    await goals.day(40)

    assert await goals.risks() == ["off_track"]


async def test_days_that_are_moved_are_judged_at_once(goals):
    """On day 46 of 92 it is off track; from 1 November to 31 December 15 of 61 days have passed: 0.246 behind."""
    objective = await goals.objective()
    await goals.result(objective)
    await goals.day(46)
    assert await goals.standing(objective) == ("off_track", 0)

    moved = await goals.world.send("PATCH", objective, json={"from": "2026-11-01", "to": "2026-12-31"})

    assert moved.json()["state"] == "at_risk"
    assert moved.json()["pace"] == pytest.approx(15 / 61)
    again = await goals.world.send("PATCH", objective, json={"period": "2027-Q1"})
    assert (again.json()["state"], again.json()["pace"]) == ("not_started", 0)
    assert again.json()["from"] == "2027-01-01"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"from": "2026-11-01"}, ["/to"]),
        ({"to": "2026-11-01"}, ["/from"]),
        ({"period": None}, ["/from"]),
        ({"period": "2026-Q4", "from": "2026-11-01"}, ["/period"]),
        ({"title": None}, ["/title"]),
    ],
)
async def test_a_change_that_makes_no_sense_changes_nothing(goals, change, wanted):
    objective = await goals.objective()
    before = await goals.world.get(objective)
    refused = await goals.world.send("PATCH", objective, json=change)
    assert (refused.status_code, pointers(refused)) == (422, wanted)
    assert await goals.world.get(objective) == before


async def test_a_key_result_is_given_to_a_kpi_and_taken_back(goals):
    world = goals.world
    await world.kpi(key="csat")
    objective = await goals.objective()
    result = await goals.result(objective)
    await goals.day(1)
    await goals.say(result, 30)
    await world.report(60, key="csat")

    given = await world.send("PATCH", result, json={"kpi": "csat"})
    assert (given.json()["kpi"], given.json()["value"]) == ("csat", 60)
    assert await goals.standing(objective) == ("on_track", 0.6)
    unknown = await world.send("PATCH", result, json={"kpi": "nobody"})
    assert (unknown.status_code, pointers(unknown)) == (422, ["/kpi"])

    back = await world.send("PATCH", result, json={"kpi": None})
    assert (back.json()["kpi"], back.json()["value"]) == (None, 60)
    await world.report(90, key="csat")
    await world.tick()
    assert (await world.get(result))["value"] == 60


async def test_a_kpi_that_is_measured_anew_is_measured_anew_here(goals):
    world = goals.world
    await world.kpi(key="posts")
    objective = await goals.objective()
    result = await goals.result(objective, kpi="posts", target=4)
    await goals.day(1)
    await world.report(4, key="posts")
    await world.tick()
    assert await goals.standing(objective) == ("achieved", 1)
    await world.hear(world.received())

    count = {"type": "events", "event": "feedback.received", "aggregate": "count"}
    assert (await world.send("PATCH", "/v1/kpis/posts", json={"measure": count})).status_code == 200
    await world.tick()

    assert (await world.get(result))["value"] == 1
    assert await goals.standing(objective) == ("on_track", 0.25)


async def test_one_kpi_measures_many(goals):
    await goals.world.kpi(key="csat")
    found = [await goals.objective(title=f"{number}") for number in range(3)]
    for number, objective in enumerate(found):
        await goals.result(objective, kpi="csat", target=100 * (number + 1))
    await goals.day(1)

    await goals.world.report(60, key="csat")
    await goals.world.tick()

    assert [(await goals.standing(each))[1] for each in found] == [0.6, 0.3, 0.2]


async def test_a_parents_own_key_results_go_before_its_children(goals):
    top = await goals.objective()
    child = await goals.objective(parent_id=top.rpartition("/")[2])
    await goals.day(1)
    await goals.say(await goals.result(child), 90)
    own = await goals.result(top)
    await goals.say(own, 20)
    await goals.world.tick()
    assert await goals.standing(top) == ("on_track", 0.2)

    assert (await goals.world.send("DELETE", own)).status_code == 204
    assert await goals.standing(top) == ("on_track", 0.9)


async def test_who_moves_takes_its_progress_along(goals):
    first, second = await goals.objective(), await goals.objective()
    child = await goals.objective(parent_id=first.rpartition("/")[2])
    await goals.day(1)
    await goals.say(await goals.result(child), 40)
    await goals.world.tick()
    assert [await goals.standing(each) for each in (first, second)] == [("on_track", 0.4), ("not_started", None)]

    await goals.world.send("PATCH", child, json={"parent_id": second.rpartition("/")[2]})
    await goals.world.tick()

    assert [await goals.standing(each) for each in (first, second)] == [("not_started", None), ("on_track", 0.4)]


async def test_a_key_result_is_found_below_its_own_objective_only(goals):
    one, other = await goals.objective(), await goals.objective()
    result = await goals.result(one)
    elsewhere = result.replace(one, other)

    for method, path in (("GET", elsewhere), ("DELETE", elsewhere), ("GET", f"{elsewhere}/check-ins")):
        assert (await goals.world.send(method, path)).status_code == 404
    refused = await goals.world.send("POST", f"{elsewhere}/check-ins", json={"confidence": 3})
    assert refused.status_code == 404


async def test_a_kpi_of_another_workspace_is_none(goals):
    theirs = await goals.world.api.key("metrics:read", "metrics:write", workspace="other")
    kpi = {"key": "theirs", "name": "Theirs", "measure": {"type": "reported"}}
    assert (await goals.world.send("POST", "/v1/kpis", json=kpi, headers=theirs)).status_code == 201
    objective = await goals.objective()

    body = {"title": "x", "start": 0, "target": 1, "kpi": "theirs"}
    refused = await goals.world.send("POST", f"{objective}/key-results", json=body)

    assert (refused.status_code, pointers(refused)) == (422, ["/kpi"])


async def test_a_workspace_has_a_bounded_number(goals, monkeypatch):
    monkeypatch.setattr(limits, "OBJECTIVES_PER_WORKSPACE", 2)
    for _ in range(2):
        await goals.objective()

    refused = await goals.world.send("POST", PATH, json=QUARTER)
    assert (refused.status_code, "at most 2 objectives" in refused.json()["detail"]) == (409, True)


async def test_a_look_gives_no_new_version(goals):
    objective = await goals.objective()
    await goals.result(objective)
    before = (await goals.world.send("GET", objective)).headers["etag"]

    await goals.day(30)

    shown = await goals.world.send("GET", objective)
    assert (shown.headers["etag"], shown.json()["state"]) == (before, "off_track")


@pytest.mark.parametrize("number", [1e300, -1.7e308, 5e-324, 2.0**63])
async def test_numbers_as_large_as_they_come_are_measured(goals, number):
    objective = await goals.objective()
    result = await goals.result(objective, start=-number, target=number)
    await goals.day(1)
    await goals.say(result, number)
    assert await goals.standing(objective) == ("achieved", 1)


async def test_a_formula_measures_as_soon_as_it_is_measured(goals):
    """Half of what is signed is 30 of 100, then 40: nobody waits for the look of every hour."""
    world = goals.world
    await world.kpi(key="signed")
    await world.kpi({"type": "formula", "formula": "a / 2", "of": {"a": "signed"}}, key="half")
    objective = await goals.objective()
    result = await goals.result(objective, kpi="half")
    await goals.day(1.5)

    for reported, share in ((60, 0.3), (80, 0.4)):
        await world.report(reported, key="signed")
        world.api.clock.advance(60)
        await world.recur()
        await world.tick()
        assert await goals.standing(objective) == ("on_track", share)
    assert (await world.get(result))["value"] == 40


async def test_a_value_of_a_time_ahead_measures_when_that_comes(goals):
    world = goals.world
    await world.kpi(key="csat")
    objective = await goals.objective()
    await goals.result(objective, kpi="csat")
    await goals.day(1)
    await world.report(40, at=world.now + timedelta(minutes=4), key="csat")
    await world.tick()
    assert (await goals.standing(objective))[1] == 0

    world.api.clock.advance(timedelta(minutes=4))
    await world.recur()
    await world.tick()

    assert await goals.standing(objective) == ("on_track", 0.4)
