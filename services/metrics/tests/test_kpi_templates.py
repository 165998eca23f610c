"""Ready-made KPIs: what they are, and what becomes of one that is taken."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.kpi_measures.rules import read_measure, require_known
from opsloop_metrics.kpi_templates.rules import TEMPLATES, get, require_ready
from services.metrics.tests.analyst import Analyst, did

FIRST_OF_APRIL = datetime(2026, 4, 1, 9, tzinfo=UTC)
NAMED = {
    "dau", "wau", "mau", "stickiness", "retention_day_1", "retention_day_7", "retention_day_30", "conversion", "churn", "nps",
    "csat", "first_reply_time", "severe_share", "campaign_roi",
}  # fmt: skip
ASKING = {template.key for template in TEMPLATES if template.insight is not None}
WAITING = {"nps", "campaign_roi"}
OF_EVENTS = NAMED - ASKING - WAITING - {"conversion"}
LOWER_IS_BETTER = {"churn", "first_reply_time", "severe_share"}


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


async def take(world, template, **fields):
    return await world.send("POST", "/v1/kpis", json={"template": template} | fields)


async def test_all_are_listed_in_both_languages(world):
    items = (await world.get("/v1/kpi-templates"))["items"]

    assert {item["key"] for item in items} == NAMED
    assert {item["key"] for item in items if item["waits"]} == WAITING
    assert {item["key"]: item["needs"] for item in items if item["needs"]} == {"conversion": "funnel"}
    assert {item["key"] for item in items if item["direction"] == "down"} == LOWER_IS_BETTER
    assert items[0]["en"] == "Daily active users"
    assert items[0]["zh"] == "日活跃用户"
    shown = [item["zh"] for item in items] + [item["waits"]["zh"] for item in items if item["waits"]]
    assert all(any("一" <= letter <= "鿿" for letter in text) for text in shown)
    units = {(item["unit"]["en"], item["unit"]["zh"]) for item in items}
    assert units == {("people", "人"), ("points", "分"), ("s", "秒"), ("ratio", "ratio")}
    assert all(item["waits"]["en"].isascii() for item in items if item["waits"])


@pytest.mark.parametrize("key", sorted(OF_EVENTS))
def test_what_is_measured_from_events_is_of_fields_that_they_have(key):
    measure = get(key).measure

    assert read_measure(measure).event_types
    require_known(measure)


@pytest.mark.parametrize("key", sorted(NAMED))
async def test_each_is_taken_or_says_what_it_lacks(world, key):
    answer = await take(world, key)

    if key in WAITING or key == "conversion":
        assert answer.status_code == 422, answer.text
        assert pointers(answer) == ["/measure" if key == "conversion" else "/template"]
        assert (await world.get("/v1/kpis"))["items"] == []
        return
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["key"], made["direction"]) == (key, get(key).direction)
    assert made["measure"]["type"] == {True: "insight"}.get(key in ASKING, made["measure"]["type"])
    assert (await world.get("/v1/kpis"))["items"] == [made]


async def test_an_insight_is_kept_with_the_kpi_that_asks_it(world):
    made = (await take(world, "retention_day_7", owner="growth")).json()

    assert made["measure"] | {"insight_id": None} == {
        "type": "insight", "insight_id": None, "path": "average.7", "days": 38,
    }  # fmt: skip
    insight = await world.get(f"/v1/insights/{made['measure']['insight_id']}")
    assert (insight["name"], insight["kind"]) == ("Day-7 retention", "retention")
    assert insight["query"]["periods"] == 8


async def test_what_is_said_beside_the_template_wins(world):
    said = {"key": "active", "name": "Active", "unit": "users", "direction": "down", "target": 5, "tags": ["growth"]}

    made = (await take(world, "dau", **said)).json()

    assert made | said == made
    assert made["measure"]["path"] == "dau.last"


@pytest.mark.parametrize(
    ("locale", "language"), [("zh", "zh"), ("zh-CN", "zh"), ("ZH-TW", "zh"), ("en", "en"), ("fr", "en")]
)
def test_whoever_reads_no_chinese_reads_english(locale, language):
    for template in TEMPLATES:
        assert template.name_in(locale) == getattr(template, language)
        assert template.unit_in(locale) == template.unit[language]


@pytest.mark.parametrize("key", sorted(WAITING))
async def test_why_one_waits_is_said_where_it_is_taken(world, key):
    listed = {item["key"]: item for item in (await world.get("/v1/kpi-templates"))["items"]}

    [error] = (await take(world, key)).json()["errors"]

    assert listed[key]["waits"]["en"] in error["detail"]
    assert listed[key]["waits"].keys() == {"en", "zh"}


async def test_names_and_units_are_in_the_workspaces_language(world):
    admin = await world.api.key("metrics:admin")
    answer = await world.send("PATCH", "/v1/workspace", json={"locale": "zh-CN"}, headers=admin)
    assert answer.status_code == 200, answer.text

    made = [(await take(world, key)).json() for key in ("mau", "csat", "first_reply_time")]
    assert [(each["name"], each["unit"]) for each in made] == [
        ("月活跃用户", "人"),
        ("客户满意度", "ratio"),
        ("首次回复时长（中位数）", "秒"),
    ]


async def test_a_template_that_waits_may_be_reported(world):
    made = (await take(world, "nps", measure={"type": "reported"})).json()
    await world.report(41, key="nps")

    shown = await world.get("/v1/kpis/nps")
    assert (shown["name"], shown["unit"], shown["value"]) == ("Net promoter score", "points", 41)
    assert shown["id"] == made["id"]


async def test_taking_one_twice_keeps_no_second_insight(world):
    await take(world, "dau")

    again = await take(world, "dau")

    assert again.status_code == 409
    assert len((await world.get("/v1/insights"))["items"]) == 1
    assert (await take(world, "dau", key="dau2")).status_code == 201


async def test_the_same_idempotency_key_takes_one(world):
    headers = world.headers | {"Idempotency-Key": "once"}
    answers = [await world.send("POST", "/v1/kpis", json={"template": "wau"}, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await world.get("/v1/insights"))["items"]) == 1


async def test_no_template_is_told_with_the_nearest(world):
    answer = await take(world, "duu")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/template"
    assert "dau" in answer.json()["errors"][0]["detail"]


async def test_without_a_template_key_name_and_measure_are_missing(world):
    answer = await world.send("POST", "/v1/kpis", json={"owner": "growth"})

    assert answer.status_code == 422
    assert pointers(answer) == ["/key", "/name", "/measure"]


def test_a_measure_of_ones_own_needs_nothing_else():
    for template in TEMPLATES:
        require_ready(template, {"type": "reported"})
    with pytest.raises(Invalid) as refused:
        require_ready(get("conversion"), None)
    assert refused.value.errors[0].detail.startswith("conversion needs the saved funnel that is meant")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("dau", 2),  # whole days: on the 31st a and b
        ("wau", 3),  # 25th to 31st: a, b and c
        ("mau", 4),  # 2nd to 31st: also d
        ("stickiness", 0.5),  # 2 / 4
        # of who came for the first time on days whose next day is over: a on the 5th, back on the 6th; c on the 27th and d on the
        # 10th, not back; b on the 30th, back on the 31st
        ("retention_day_1", 0.5),
    ],
)
async def test_they_come_to_what_is_worked_by_hand(world_with_store, template, value):
    world = world_with_store
    analyst = Analyst(world, "")
    world.api.clock.set(FIRST_OF_APRIL)
    await analyst.tell(
        did("a", "opened", "05"), did("a", "opened", "06"), did("a", "opened", "31"),
        did("b", "opened", "30"), did("b", "opened", "31"),
        did("c", "opened", "27"), did("d", "opened", "10"),
    )  # fmt: skip
    assert (await take(world, template)).status_code == 201

    await world.recur()

    shown = await world.get(f"/v1/kpis/{template}")
    assert (shown["measure_error"], shown["value"]) == (None, value)


async def test_churn_is_of_those_whose_30_days_are_over(world_with_store):
    """Of x, y and z, who were active in the 30 days before the last 30, z was not again: 1 / 3, and w is no part of it yet."""
    world = world_with_store
    analyst = Analyst(world, "")
    world.api.clock.set(FIRST_OF_APRIL)
    await analyst.tell(
        did("x", "opened", "02-10"), did("x", "opened", "02-25"), did("x", "opened", "03-20"),
        did("y", "opened", "03-01"), did("y", "opened", "03-29"),
        did("z", "opened", "02-12"), did("w", "opened", "30"),
    )  # fmt: skip
    await take(world, "churn")

    await world.recur()

    shown = await world.get("/v1/kpis/churn")
    assert (shown["measure_error"], shown["value"]) == (None, pytest.approx(1 / 3))


async def test_what_is_taken_already_keeps_no_insight_and_names_go_by_the_workspaces_language(world):
    """The second `dau` would ask an insight of its own: that goes with it."""
    assert (await take(world, "dau")).status_code == 201

    again = await take(world, "dau")

    assert again.status_code == 409
    assert "the key dau is taken" in again.json()["detail"]
    assert len((await world.get("/v1/insights"))["items"]) == 1

    other = await take(world, "dau", key="dau2", name="Ours", unit="heads")
    made = other.json()
    assert (other.status_code, made["name"], made["unit"], made["direction"]) == (201, "Ours", "heads", "up")
    assert len((await world.get("/v1/insights"))["items"]) == 2
    names = {each["key"]: each["name"] for each in (await world.get("/v1/kpis"))["items"]}
    assert names == {"dau": get("dau").name_in("en"), "dau2": "Ours"}
