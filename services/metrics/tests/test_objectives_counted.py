"""Objectives whose KPIs count events: not while somebody waits, as long as the events are kept, and nobody twice in a roll-up."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event

from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.objectives import rules
from opsloop_metrics.settings import MetricsSettings
from services.metrics.tests.goals import PATH, QUARTER_DAYS, SPAN, Goals, pointers

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}


@pytest.fixture
def goals(world):
    return Goals.before_the_quarter(world)


@contextmanager
def counting(world):
    """Yield the statements that read events meanwhile."""
    noted = []

    def note(connection, cursor, statement, *rest):
        if "domain_event" in statement:
            noted.append(statement)

    engines = [engine.sync_engine for engine in world.api.db.engines]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield noted
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def posts(goals, **fields):
    """Measure an objective by the posts of its time, of which ten are wanted."""
    objective = await goals.objective()
    return objective, await goals.result(objective, title="Posts", kpi="posts", start=0, target=10, **fields)


async def test_no_request_counts_events(goals):
    """What is shown meanwhile is what they came to last; a moment later it is what they come to now."""
    world = goals.world
    await world.kpi(COUNT, key="posts")
    await goals.day(1)
    objective, result = await posts(goals)
    await world.tick()
    await world.hear(*(world.received() for _ in range(4)))

    with counting(world) as noted:
        await goals.say(result, confidence=4)
        assert (await world.send("PATCH", objective, json={"title": "Posts come"})).status_code == 200
        assert (await world.send("PATCH", result, json={"title": "Many posts"})).status_code == 200
        other = await goals.result(objective, title="By hand")
        assert (await world.send("DELETE", other)).status_code == 204
    assert noted == []
    assert (await goals.standing(objective))[1] == 0

    with counting(world) as noted:
        await world.tick()
    assert noted != []
    assert await goals.standing(objective) == ("on_track", 0.4)


async def test_what_was_not_counted_yet_is_not_behind(goals):
    """On day 46 of 92, with 8 of 10 posts: until they are counted nobody is told that nothing was done."""
    world = goals.world
    await world.kpi(COUNT, key="posts")
    await goals.day(40)
    await world.hear(*(world.received() for _ in range(8)))
    await goals.day(46)

    objective, result = await posts(goals)
    assert (await world.get(result))["value"] is None
    by_hand = await goals.result(objective, title="By hand", weight=0.001)
    await goals.say(by_hand, 1)
    await world.tick()

    assert ((await goals.standing(objective))[0], await goals.risks()) == ("on_track", [])
    assert (await world.get(result))["value"] == 8


async def test_another_time_and_another_kpi_are_counted_anew(goals):
    """One post on day 1, two on day 40: October has 1, the quarter 3; of praise it has 2."""
    world = goals.world
    await world.kpi(COUNT, key="posts")
    praise = COUNT | {"where": [{"field": "data.severity", "op": "eq", "value": "s4"}]}
    await world.kpi(praise, key="praise")
    await goals.day(1)
    await world.hear(world.received())
    await goals.day(40)
    await world.hear(world.received("s4"), world.received("s4"))
    objective, result = await posts(goals)
    await world.tick()
    assert (await world.get(result))["value"] == 3

    await world.send("PATCH", objective, json={"period": "2026-10"})
    await world.tick()
    assert ((await world.get(result))["value"], await goals.standing(objective)) == (1, ("missed", 0.1))

    await world.send("PATCH", objective, json={"period": "2026-Q4"})
    await world.send("PATCH", result, json={"kpi": "praise"})
    await world.tick()
    assert ((await world.get(result))["kpi"], (await world.get(result))["value"]) == ("praise", 2)


async def test_what_changed_while_it_was_counted_is_counted_again(goals):
    """The count of a look is of the KPI and the days that it began with."""
    world = goals.world
    await world.kpi(COUNT, key="posts")
    await world.kpi(COUNT | {"event": "feedback.replied"}, key="replies")
    await goals.day(1)
    await world.hear(world.received(), world.received())
    objective, result = await posts(goals)
    await world.tick()

    await world.send("PATCH", result, json={"kpi": "replies"})
    assert (await world.get(result))["value"] is None
    await world.tick()
    assert (await world.get(result))["value"] == 0
    assert (await goals.standing(objective))[1] == 0


async def test_when_its_events_are_forgotten_the_value_at_the_end_stays(goals):
    """Ten posts were the target and came; two years later somebody corrects the title and says that it was well done."""
    world = goals.world
    await world.kpi(COUNT, key="posts")
    await goals.day(2)
    await world.hear(*(world.received() for _ in range(10)))
    objective, result = await posts(goals)
    await goals.day(QUARTER_DAYS)
    assert await goals.standing(objective) == ("achieved", 1)

    world.api.clock.advance(timedelta(days=730))
    await world.recur()  # forgets
    await world.send("PATCH", objective, json={"title": "Posts came"})
    await goals.say(result, confidence=5)
    await world.tick()

    assert await goals.standing(objective) == ("achieved", 1)
    assert (await world.get(result))["value"] == 10
    assert await goals.risks() == []


async def test_a_time_that_outlasts_its_events_is_refused(make_world):
    """Events are kept for 40 days: a month can be counted, a quarter cannot, nor a month of half a year ago."""
    goals = Goals.before_the_quarter(
        await make_world(settings_for_tests(MetricsSettings, domain_event_retention_days=40))
    )
    world = goals.world
    await world.kpi(COUNT, key="posts")
    await world.kpi(key="csat")
    quarter, month, past = [await goals.objective(period=name) for name in ("2026-Q4", "2026-10", "2026-03")]
    body = {"title": "Posts", "kpi": "posts", "start": 0, "target": 10}

    for objective in (quarter, past):
        refused = await world.send("POST", f"{objective}/key-results", json=body)
        assert (refused.status_code, pointers(refused)) == (422, ["/kpi"])
        assert "events are kept for 40 days" in refused.json()["errors"][0]["detail"]
    result = await goals.result(month, **body)
    by_value = await goals.result(quarter, **body | {"kpi": "csat"})

    changed = await world.send("PATCH", by_value, json={"kpi": "posts"})
    assert (changed.status_code, pointers(changed)) == (422, ["/kpi"])
    for days, where in (({"period": "2026-Q4"}, "/period"), ({"from": "2026-09-01", "to": "2026-10-31"}, "/from")):
        longer = await world.send("PATCH", month, json=days)
        assert (longer.status_code, pointers(longer)) == (422, [where])
    assert (await world.get(month))["period"] == "2026-10"
    assert (await world.send("PATCH", month, json={"title": "October"})).status_code == 200
    await goals.day(1)
    await world.hear(world.received())
    await goals.day(2)
    assert (await world.get(result))["value"] == 1


@pytest.mark.parametrize(
    ("now", "kept", "refused"),
    [
        (SPAN.start, QUARTER_DAYS, False),
        (SPAN.start, QUARTER_DAYS - 1, True),
        (SPAN.end, QUARTER_DAYS, False),
        (SPAN.end + timedelta(seconds=1), QUARTER_DAYS, True),
        (SPAN.start - timedelta(days=900), QUARTER_DAYS, False),
    ],
)
def test_events_are_kept_until_they_were_counted(now, kept, refused):
    if not refused:
        rules.require_kept(SPAN, now, kept=timedelta(days=kept), pointer="/kpi")
        return
    with pytest.raises(rules.Invalid) as told:
        rules.require_kept(SPAN, now, kept=timedelta(days=kept), pointer="/kpi")
    assert [error.pointer for error in told.value.errors] == ["/kpi"]


async def roll_up(goals, **query):
    summary = (await goals.world.get(PATH, **query))["summary"]
    return summary["objectives"], summary["progress"] if summary["progress"] is None else round(summary["progress"], 6)


async def test_a_roll_up_counts_nobody_twice(goals):
    """The company's progress is its teams': (0.2 + 0.6) / 2 = 0.4; beside it one stands alone, at 1: (0.4 + 1) / 2 = 0.7.

    With the teams once more it would be (0.4 + 0.2 + 0.6 + 1) / 4 = 0.55.
    """
    company = await goals.objective(title="Company", owner="board")
    alone = await goals.objective(title="Alone", owner="board")
    teams = [await goals.objective(title=f"{n}", parent_id=company.rpartition("/")[2]) for n in range(2)]
    await goals.day(1)
    for objective, value in zip((*teams, alone), (20, 60, 100), strict=True):
        await goals.say(await goals.result(objective), value)
    await goals.world.tick()

    assert await roll_up(goals) == (4, 0.7)
    assert await roll_up(goals, period="2026-Q4") == (4, 0.7)
    assert await roll_up(goals, owner="board") == (2, 0.7)
    assert await roll_up(goals, owner="product") == (2, 0.4)  # theirs, whoever stands above
    assert await roll_up(goals, parent_id=company.rpartition("/")[2]) == (2, 0.4)
    assert await roll_up(goals, owner="nobody") == (0, None)


async def test_a_roll_up_knows_who_is_two_levels_below(goals):
    """The team between is of another owner; its own part of the company's 0.2 is not counted beside it."""
    company = await goals.objective(title="Company", owner="board")
    team = await goals.objective(title="Team", parent_id=company.rpartition("/")[2])
    person = await goals.objective(title="Person", owner="board", parent_id=team.rpartition("/")[2])
    await goals.day(1)
    await goals.say(await goals.result(person), 20)
    await goals.say(await goals.result(company), 60)
    await goals.world.tick()

    assert await roll_up(goals, owner="board") == (2, 0.6)
    assert await roll_up(goals) == (3, 0.6)
    assert await roll_up(goals, owner="product") == (1, 0.2)


async def test_an_objective_that_measures_nothing_leaves_the_roll_up_to_others(goals):
    await goals.objective(title="Bare")
    await goals.day(1)
    await goals.say(await goals.result(await goals.objective()), 30)

    assert await roll_up(goals) == (2, 0.3)
