"""Objectives over time: what they come to, and what is told."""

import pytest

from services.metrics.tests.goals import QUARTER_DAYS, Goals, pointers


@pytest.fixture
def goals(world):
    return Goals.before_the_quarter(world)


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


async def test_who_sets_an_objective_in_mid_period_has_a_day_to_say_where_it_stands(goals):
    """On day 46 of 92 one of two is said to be half done, and the other is not said within a day: 0.5 - 0.25 is behind."""
    await goals.day(46)
    objective = await goals.objective()
    said, unsaid = await goals.result(objective), await goals.result(objective, title="Praise")
    assert await goals.standing(objective) == ("not_started", None)
    assert (await goals.world.get(said))["state"] == "not_started"

    await goals.say(said, 50)
    await goals.day(46.9)
    assert await goals.standing(objective) == ("on_track", 0.5)
    assert (await goals.world.get(unsaid))["state"] == "not_started"
    assert await goals.risks() == []

    await goals.day(47.1)
    assert (await goals.standing(objective), await goals.risks()) == (("at_risk", 0.25), ["at_risk"])
    assert (await goals.world.get(unsaid))["state"] == "off_track"


async def test_a_key_result_more_is_no_news(goals):
    """On day 46 of 92 an objective is half done; another key result does not count before it has a value."""
    objective = await goals.objective()
    await goals.say(await goals.result(objective), 50)
    await goals.day(46)

    another = await goals.result(objective, title="Praise")
    assert (await goals.standing(objective), await goals.risks()) == (("on_track", 0.5), [])
    await goals.say(another, 0)
    assert (await goals.standing(objective), await goals.risks()) == (("at_risk", 0.25), ["at_risk"])


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


async def test_the_quarter_is_the_workspaces(goals):
    """In Shanghai the quarter begins 8 hours earlier than in UTC: of its 92 days 8 hours have passed."""
    world = goals.world
    admin = await world.api.key("metrics:admin")
    await world.send("PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai"}, headers=admin)
    objective = await goals.objective()

    await goals.day(0)

    found = await world.get(objective)
    assert found["pace"] == pytest.approx(8 / 24 / QUARTER_DAYS)
