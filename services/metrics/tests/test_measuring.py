"""Measuring: which number of an insight is meant, when it is asked, and what is kept when it cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import delete

from opsloop_common.db import Context, ports_of
from opsloop_metrics.kpi_periods.rules import Measured
from opsloop_metrics.measuring.rules import NUMBER_OF, NoNumber, again_at, measured_next, number_at
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.saved_insights.models import SavedInsight
from opsloop_metrics.saved_insights.rules import InsightKind
from services.metrics.tests.analyst import Analyst, did
from services.metrics.tests.chart_answers import ANSWERS
from services.metrics.tests.kept_questions import Asked, all_insights

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TREND = {"name": "Sign-ups", "kind": "trends", "query": {"event": "signed_up"}}
HIGH = {"type": "threshold", "operator": "ge", "value": 1}


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest_asyncio.fixture
async def world(world, asked):
    """Return a world whose insights answer at once, with what tests of charts draw."""
    ports_of(world.api.db, MetricsPorts).insights.update(all_insights(asked))
    world.api.clock.set(NOON)
    return world


async def asking(world, key="k", query=TREND, **measure):
    """Define a KPI of a saved insight; returns the insight's id."""
    insight = await world.post("/v1/insights", query)
    await world.kpi({"type": "insight", "insight_id": insight["id"]} | measure, key=key)
    return insight["id"]


async def shown(world, key="k"):
    return await world.get(f"/v1/kpis/{key}")


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("total", 7.0),
        ("series.0.values.1", 5.0),
        ("series.0.values.-1", 9.0),
        ("series.0.values.last", 5.0),  # the third interval is not over
        ("series.-1.values.0", 1.0),
        ("series.0.values.3", None),
        ("series.0.values.-4", None),
        ("series.7.values.0", None),
        ("series.1.values.last", None),
        ("none", None),
        ("none.deeper", None),
    ],
)
def test_a_path_leads_to_a_number(path, number):
    answer = {
        "total": 7,
        "none": None,
        "incomplete_from": 2,
        "series": [{"values": [3, 5, 9]}, {"values": [1, None]}],
    }

    assert number_at(answer, path) == number


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("totl", "path totl: the answer has no totl there"),
        ("series.values", "path series.values: the answer has no values there"),
        ("series", "path series leads to no number"),
        ("name", "path name leads to no number"),
        ("is_complete", "path is_complete leads to no number"),
        ("total.0", "path total.0: the answer has no 0 there"),
    ],
)
def test_a_path_that_leads_to_no_number_says_where_it_ends(path, words):
    answer = {"total": 7, "name": "7", "is_complete": True, "series": [{"values": [3]}]}

    with pytest.raises(NoNumber) as refused:
        number_at(answer, path)
    assert str(refused.value) == words


@pytest.mark.parametrize("kind", [kind.value for kind in InsightKind])
def test_each_kind_is_known_for_a_number(kind):
    assert kind in NUMBER_OF
    answer = {"errors": {"total": {"crash_free_people": 0.98}}} | ANSWERS[kind]
    assert isinstance(number_at(answer, NUMBER_OF[kind]), float | None)


@pytest.mark.parametrize(
    ("newest", "now", "expected"),
    [
        (None, NOON, (MIDNIGHT - DAY, MIDNIGHT, NOON)),
        (Measured(MIDNIGHT - DAY, MIDNIGHT, NOON, 1.0), NOON + HOUR, (MIDNIGHT - DAY, MIDNIGHT, NOON + HOUR)),
        # over, and nobody has looked since: as of its end
        (Measured(MIDNIGHT - DAY, MIDNIGHT, NOON, 1.0), MIDNIGHT + HOUR, (MIDNIGHT - DAY, MIDNIGHT, MIDNIGHT)),
        (
            Measured(MIDNIGHT - DAY, MIDNIGHT, MIDNIGHT, 1.0),
            MIDNIGHT + HOUR,
            (MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + HOUR),
        ),
        # nothing was known while the day before ran
        (
            Measured(MIDNIGHT - 2 * DAY, MIDNIGHT - DAY, MIDNIGHT - DAY, 1.0),
            MIDNIGHT + HOUR,
            (MIDNIGHT - DAY, MIDNIGHT, MIDNIGHT),
        ),
    ],
)
def test_the_end_of_a_period_is_measured_before_the_one_that_runs(newest, now, expected):
    start = MIDNIGHT if now >= MIDNIGHT else MIDNIGHT - DAY

    assert measured_next(newest, (start - DAY, start), (start, start + DAY), now) == expected


@pytest.mark.parametrize(
    ("now", "ends_at", "seconds", "again"),
    [
        (NOON, MIDNIGHT, 0.1, NOON + MINUTE),
        (NOON, MIDNIGHT, 30, NOON + 10 * MINUTE),  # 20 times as long as it took
        (MIDNIGHT - timedelta(seconds=10), MIDNIGHT, 0.1, MIDNIGHT),
        (MIDNIGHT + HOUR, MIDNIGHT, 0.1, MIDNIGHT + HOUR),
    ],
)
def test_what_takes_long_is_measured_less_often(now, ends_at, seconds, again):
    assert again_at(now, ends_at, pause=MINUTE, seconds=seconds) == again


async def test_no_request_asks_the_insight(world, asked):
    await asking(world)
    for path in ("/v1/kpis", "/v1/kpis/k", "/v1/kpis/k/status"):
        await world.get(path)
    assert asked.questions == []
    assert (await shown(world))["value"] is None

    await world.recur()

    assert len(asked.questions) == 1
    found = await shown(world)
    assert (found["value"], found["measured_at"]) == (ANSWERS["trends"]["series"][0]["total"], "2026-11-25T12:00:00Z")
    assert (await world.status())["value"] == found["value"]


async def test_it_is_asked_every_quarter_of_an_hour_and_at_the_end_of_its_day(world, asked):
    """12:00, 12:15; at 23:50 again, at midnight the day's end and then the day that begins."""
    await asking(world)
    for moment, times in (
        (NOON, 1), (NOON + MINUTE, 1), (NOON + 15 * MINUTE, 2), (MIDNIGHT - 10 * MINUTE, 3), (MIDNIGHT - MINUTE, 3),
        (MIDNIGHT, 5), (MIDNIGHT + MINUTE, 5),
    ):  # fmt: skip
        world.api.clock.set(moment)
        await world.recur()
        assert len(asked.questions) == times, moment

    assert [(point["starts_at"], point["at"]) for point in (await shown(world))["series"]] == [
        ("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
        ("2026-11-26T00:00:00Z", "2026-11-26T00:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("fails", "words"),
    [("heavy", "ask for a shorter time"), ("down", "does not answer"), ("invalid", "/to has to be after from")],
)
async def test_why_it_could_not_be_measured_is_told_and_the_value_stays(world, asked, fails, words):
    insight_id = await asking(world)
    await world.recur()
    before = (await shown(world))["value"]
    await world.send("PATCH", f"/v1/insights/{insight_id}", json={"query": {"fails": fails}})

    world.api.clock.advance(16 * MINUTE)
    await world.recur()

    found = await shown(world)
    assert words in found["measure_error"]
    assert found["value"] == before

    await world.send("PATCH", f"/v1/insights/{insight_id}", json={"query": {}})
    world.api.clock.advance(16 * MINUTE)
    await world.recur()
    assert (await shown(world))["measure_error"] is None


@pytest.mark.parametrize(("path", "words"), [("series.0.name", "leads to no number"), ("sum", "the answer has no sum")])
async def test_a_path_without_a_number_is_told(world, path, words):
    await asking(world, path=path)
    await world.recur()

    assert words in (await shown(world))["measure_error"]


async def test_an_insight_that_kpis_ask_stays(world):
    insight_id = await asking(world)
    await world.kpi({"type": "insight", "insight_id": insight_id}, key="also")
    await asking(world, key="another")

    refused = await world.send("DELETE", f"/v1/insights/{insight_id}")

    assert refused.status_code == 409
    assert refused.json()["detail"] == "the KPIs also, k ask this insight; change or delete them first"
    for key in ("also", "k"):
        assert (await world.send("DELETE", f"/v1/kpis/{key}")).status_code == 204
    assert (await world.send("DELETE", f"/v1/insights/{insight_id}")).status_code == 204


async def test_a_formula_does_not_go_on_with_what_could_not_be_measured(world):
    """An insight that is gone from before KPIs kept it: f stands on its KPI and g on f, both keep what they came to, and say why."""
    insight_id = await asking(world)
    await world.kpi({"type": "formula", "formula": "a * 2", "of": {"a": "k"}}, key="f")
    await world.kpi({"type": "formula", "formula": "x + 1", "of": {"x": "f"}}, key="g")
    await world.recur()
    before = {key: (await shown(world, key))["value"] for key in ("k", "f", "g")}
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(delete(SavedInsight).where(SavedInsight.id == insight_id))

    world.api.clock.advance(16 * MINUTE)
    await world.recur()

    gone = "There is no insight with this id."
    errors = {"k": gone, "f": f"k could not be measured: {gone}", "g": f"k could not be measured: {gone}"}
    for key, error in errors.items():
        found = await shown(world, key)
        assert (found["value"], found["measure_error"]) == (before[key], error)
    explained = await world.send(
        "GET", "/v1/kpis/k/explanation", params={"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
    )
    assert explained.status_code == 409
    assert "the insight of this KPI is gone" in explained.json()["detail"]


async def test_an_answer_to_another_question_is_not_kept(world, asked):
    """The measure is changed while the insight answers."""
    insight_id = await asking(world)
    insights = ports_of(world.api.db, MetricsPorts).insights
    plain = insights["trends"]

    async def find(session, query):
        changed = {"type": "insight", "insight_id": insight_id, "path": "series.0.values.0"}
        answer = await world.send("PATCH", "/v1/kpis/k", json={"measure": changed})
        assert answer.status_code == 200, answer.text
        insights["trends"] = plain
        return await plain.find(session, query)

    insights["trends"] = type(plain)(plain.schema, find, plain.shown, plain.as_table)

    await world.recur()

    assert (await shown(world))["value"] == ANSWERS["trends"]["series"][0]["values"][0]


async def test_one_that_fails_does_not_hold_up_the_others(world, asked):
    """What nobody foresaw ends this turn; the next goes on behind it, and it has another in a quarter of an hour."""
    insight_id = await asking(world, key="bad")
    await world.send("PATCH", f"/v1/insights/{insight_id}", json={"query": {"where": [{"field": "x", "value": 1}]}})
    world.api.clock.advance(1)
    await asking(world, key="good")
    insights = ports_of(world.api.db, MetricsPorts).insights
    plain = insights["trends"]

    async def find(session, query):
        if query.where:
            raise ZeroDivisionError
        return await plain.find(session, query)

    insights["trends"] = type(plain)(plain.schema, find, plain.shown, plain.as_table)
    with pytest.raises(ZeroDivisionError):
        await world.recur()
    await world.recur()
    assert (await shown(world, "good"))["value"] is not None
    assert (await shown(world, "bad"))["value"] is None

    insights["trends"] = plain
    world.api.clock.advance(16 * MINUTE)
    await world.recur()
    assert (await shown(world, "bad"))["value"] is not None


async def test_monitors_and_targets_look_at_each_measuring(world):
    await asking(world)
    await world.send("PATCH", "/v1/kpis/k", json={"target": 1})
    await world.post("/v1/kpis/k/monitors", {"condition": HIGH, "window": "PT1H"})
    assert await world.told("kpi.breached", "kpi.target_reached") == []

    await world.recur()
    await world.tick(1)

    [reached] = await world.told("kpi.target_reached")
    [breached] = await world.told("kpi.breached")
    assert reached.data["value"] == breached.data["value"] == ANSWERS["trends"]["series"][0]["total"]
    assert (await shown(world))["state"] == "breached"


async def test_a_new_kpi_and_one_that_asks_something_else_are_measured_at_once(world):
    await asking(world)
    total = ANSWERS["trends"]["series"][0]["total"]

    await world.tick(1)
    assert (await shown(world))["value"] == total

    of = {"type": "formula", "formula": "a * 2", "of": {"a": "k"}}
    await world.kpi(of, key="twice")
    await world.tick(1)
    assert (await shown(world, "twice"))["value"] == 2 * total

    await world.send("PATCH", "/v1/kpis/twice", json={"measure": of | {"formula": "a * 3"}})
    assert (await shown(world, "twice"))["value"] is None
    await world.tick(1)
    assert (await shown(world, "twice"))["value"] == 3 * total


async def test_formulas_come_after_what_they_stand_on(world):
    """a is 6 and reported, b the insight: a / b * 100; c is of that formula."""
    await world.kpi(key="a")
    await world.report(6, key="a")
    await asking(world)
    of = {"type": "formula", "formula": "a / b * 100", "of": {"a": "a", "b": "k"}}
    await world.kpi(of, key="f")
    await world.kpi({"type": "formula", "formula": "x + 1", "of": {"x": "f"}}, key="g")

    await world.recur()

    total = ANSWERS["trends"]["series"][0]["total"]
    assert (await shown(world, "f"))["value"] == 6 / total * 100
    assert (await shown(world, "g"))["value"] == 6 / total * 100 + 1


async def test_foreign_kpis_are_measured_in_their_own_workspace(world):
    """Both workspaces have a KPI of one key; each comes to its own."""
    await world.kpi(key="a")
    await world.report(1, key="a")
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")
    for body, path in (
        ({"key": "a", "name": "A", "measure": {"type": "reported"}}, "/v1/kpis"),
        ({"value": 5}, "/v1/kpis/a/values"),
        ({"key": "f", "name": "F", "measure": {"type": "formula", "formula": "a * 2", "of": {"a": "a"}}}, "/v1/kpis"),
    ):
        assert (await world.send("POST", path, json=body, headers=theirs)).status_code == 201
    await world.kpi({"type": "formula", "formula": "a * 2", "of": {"a": "a"}}, key="f")

    await world.recur()

    assert (await shown(world, "f"))["value"] == 2
    assert (await world.send("GET", "/v1/kpis/f", headers=theirs)).json()["value"] == 10


async def test_paid_conversion_of_what_people_did(world_with_store):
    """Of a, b and c who signed up in March a alone paid: 1 / 3 as the last step's share, whatever came in since."""
    world = world_with_store
    await Analyst(world, "").tell(
        did("a", "signed_up", "30"), did("a", "paid", "31"), did("b", "signed_up", "30"), did("c", "signed_up", "31")
    )
    world.api.clock.set(datetime(2026, 4, 1, 9, tzinfo=UTC))
    query = {"steps": [{"event": "signed_up"}, {"event": "paid"}]}
    await asking(world, query={"name": "Paid", "kind": "funnel", "query": query})

    await world.recur()

    found = await shown(world)
    assert (found["measure_error"], found["value"]) == (None, pytest.approx(1 / 3))
    # three days of the calendar, the 2nd the last of them: on the 31st c signed up, and nobody since
    await world.send("PATCH", "/v1/kpis/k", json={"measure": found["measure"] | {"days": 3, "path": "steps.0.count"}})
    world.api.clock.set(datetime(2026, 4, 2, 1, tzinfo=UTC))
    await world.recur()
    assert (await shown(world))["value"] == 1
