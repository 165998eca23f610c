"""The catalogue of KPIs through the door: who owns what, targets by period, and how each stands in one answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import uuid4

import pytest
from sqlalchemy import event

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
REPORTED = {"type": "reported"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


@pytest.fixture(autouse=True)
def at_noon(world):
    world.api.clock.set(NOON)


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


def formula(text="a / b", **of):
    return {"type": "formula", "formula": text, "of": of}


async def keys(world, **asked):
    return [item["key"] for item in (await world.get("/v1/kpis", **asked))["items"]]


async def change(world, key="k", expect=200, **fields):
    answer = await world.send("PATCH", f"/v1/kpis/{key}", json=fields)
    assert answer.status_code == expect, answer.text
    return answer


async def test_a_kpi_says_all_that_a_board_shows(world):
    made = await world.kpi(
        description="Those who paid, of those who came",
        owner="growth",
        tags=["paid", "收入"],
        unit="%",
        target=8,
        targets=[{"from": "2026-10-01", "to": "2026-12-31", "value": 10}],
    )
    assert (made["value"], made["state"], made["series"], made["progress"], made["measured_at"]) == (
        None,
        "ok",
        [],
        None,
        None,
    )
    await world.report(4, at=NOON - DAY)
    await world.report(5)

    [shown] = (await world.get("/v1/kpis"))["items"]

    assert shown == await world.get("/v1/kpis/k")
    assert {name: shown[name] for name in ("description", "owner", "tags", "unit", "target", "period")} == {
        "description": "Those who paid, of those who came", "owner": "growth", "tags": ["paid", "收入"], "unit": "%",
        "target": 8, "period": "day",
    }  # fmt: skip
    assert shown["targets"] == [{"from": "2026-10-01", "to": "2026-12-31", "value": 10}]
    # 5 of the quarter's 10, not of the 8 that hold besides
    assert (shown["value"], shown["target_now"], shown["progress"]) == (5, 10, 0.5)
    assert shown["measured_at"] == "2026-11-25T12:00:00Z"
    assert shown["series"] == [
        {"starts_at": "2026-11-24T00:00:00Z", "at": "2026-11-24T12:00:00Z", "value": 4},
        {"starts_at": "2026-11-25T00:00:00Z", "at": "2026-11-25T12:00:00Z", "value": 5},
    ]


@pytest.mark.parametrize(
    ("direction", "value", "target", "progress"),
    [("up", 5, 8, 0.625), ("up", 9, 8, 1), ("down", 16, 4, 0.25), ("down", 3, 4, 1), ("up", 5, None, None)],
)
async def test_progress_goes_the_better_way(world, direction, value, target, progress):
    await world.kpi(direction=direction, target=target)
    await world.report(value)

    assert (await world.get("/v1/kpis/k"))["progress"] == progress


async def test_the_target_of_today_is_that_of_the_workspaces_zone(world):
    """At 17:00 of 30 November in UTC it is 1 December in Shanghai."""
    await world.kpi(targets=[{"from": "2026-12-01", "to": "2026-12-31", "value": 9}], target=7)
    world.api.clock.set(datetime(2026, 11, 30, 17, tzinfo=UTC))
    assert (await world.get("/v1/kpis/k"))["target_now"] == 7

    admin = await world.api.key("metrics:admin")
    answer = await world.send("PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai"}, headers=admin)
    assert answer.status_code == 200

    assert (await world.get("/v1/kpis/k"))["target_now"] == 9


async def test_a_target_of_the_period_is_reached_and_told_with_its_own_number(world):
    await world.kpi(targets=[{"from": "2026-11-01", "to": "2026-11-30", "value": 9}], target=20)
    await world.report(8)
    assert await world.told("kpi.target_reached") == []

    await world.report(9, at=NOON)
    await world.report(10, at=NOON + timedelta(seconds=1))

    [told] = await world.told("kpi.target_reached")
    assert (told.data["value"], told.data["target"]) == (9, 9)


SENSELESS = [
    ({"targets": [{"from": "2026-12-02", "to": "2026-12-01", "value": 1}]}, ["/targets/0/to"]),
    (
        {
            "targets": [
                {"from": "2026-12-01", "to": "2026-12-31", "value": 1},
                {"from": "2026-12-31", "to": "2027-01-31", "value": 1},
            ]
        },
        ["/targets/1/from"],
    ),
    ({"targets": [{"from": "2026-13-01", "to": "2026-12-01", "value": 1}]}, ["/targets/0/from"]),
    ({"targets": [{"from": "2026-12-01", "to": "2026-12-01"}]}, ["/targets/0/value"]),
    ({"tags": [str(place) for place in range(21)]}, ["/tags"]),
    ({"tags": [""]}, ["/tags/0"]),
    ({"period": "year"}, ["/period"]),
    ({"description": ""}, ["/description"]),
    ({"measure": {"type": "insight"}}, ["/measure/insight_id"]),
    ({"measure": {"type": "insight", "insight_id": str(uuid4()), "days": 401}}, ["/measure/days"]),
    ({"measure": {"type": "insight", "insight_id": str(uuid4()), "path": "series[0]"}}, ["/measure/path"]),
    ({"measure": {"type": "insight", "insight_id": str(uuid4())}}, ["/measure/insight_id"]),
    ({"measure": formula(a="none", b="nobody")}, ["/measure/of/a", "/measure/of/b"]),
    ({"measure": formula("a / c", a="k", b="k")}, ["/measure/of/b"]),
    ({"measure": formula("a ** b", a="k", b="k")}, ["/measure/formula"]),
    ({"measure": {"type": "formula", "formula": "a", "of": {}}}, ["/measure/of"]),
    ({"measure": {"type": "formula", "formula": "a"}}, ["/measure/of"]),
    ({"measure": {"type": "formula", "of": {"a": "k"}}}, ["/measure/formula"]),
    ({"measure": {"type": "formula", "formula": "a" * 101, "of": {"a": "k"}}}, ["/measure/formula"]),
    ({"measure": {"type": "formula", "formula": "a", "of": {"ab": "k"}}}, ["/measure/of"]),
]


async def test_what_makes_no_sense_is_refused_with_its_field(world, subtests):
    await world.kpi()
    before = await world.get("/v1/kpis/k")
    for fields, where in SENSELESS:
        with subtests.test(fields=fields):
            made = await world.send("POST", "/v1/kpis", json={"key": "n", "name": "N", "measure": REPORTED} | fields)
            changed = await change(world, expect=422, **fields)

            assert made.status_code == 422, made.text
            assert (pointers(made), pointers(changed)) == (where, where)
            assert await world.get("/v1/kpis/k") == before
            assert await keys(world) == ["k"]


async def board(world):
    """Make four KPIs; the newest comes first where nothing else is asked."""
    await world.kpi(key="paid", name="Paid conversion", owner="growth", tags=["paid", "weekly"])
    await world.kpi(key="csat", name="CSAT", owner="support", tags=["care"], description="Of 100% who rated")
    await world.kpi(key="reply", name="首次回复时长", owner="support", tags=["care", "weekly"])
    await world.kpi(key="dau", name="Daily active users")
    await world.monitor(HIGH, key="csat")
    await world.monitor(HIGH, key="reply", **{"for": "PT1H"})
    for key in ("csat", "reply"):
        await world.report(11, key=key)
    await world.tick(1)


LISTED = [
    ({}, ["dau", "reply", "csat", "paid"]),
    ({"owner": "support"}, ["reply", "csat"]),
    ({"tag": "weekly"}, ["reply", "paid"]),
    ({"tag": "week"}, []),
    ({"state": "breached"}, ["csat"]),
    ({"state": ["breached", "pending"]}, ["reply", "csat"]),
    ({"state": "ok"}, ["dau", "paid"]),
    ({"text": "回复"}, ["reply"]),
    ({"text": "CONVERSION"}, ["paid"]),
    ({"text": "100%"}, ["csat"]),
    ({"text": "_"}, []),
    ({"owner": "support", "tag": "weekly", "state": "pending"}, ["reply"]),
    ({"sort": "name"}, ["csat", "dau", "paid", "reply"]),
    ({"sort": "-name"}, ["reply", "paid", "dau", "csat"]),
    ({"sort": "owner"}, ["dau", "paid", "csat", "reply"]),
    ({"sort": "state"}, ["paid", "dau", "reply", "csat"]),
    ({"sort": "-state"}, ["csat", "reply", "dau", "paid"]),
]


async def test_a_list_is_filtered_and_sorted(world, subtests):
    await board(world)
    for asked, found in LISTED:
        with subtests.test(asked=asked):
            assert await keys(world, **asked) == found
            # page by page it is the same
            paged, cursor = [], None
            while True:
                page = await world.get("/v1/kpis", limit=1, **asked, **({"cursor": cursor} if cursor else {}))
                paged += [item["key"] for item in page["items"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert paged == found


async def test_what_was_changed_last_can_come_first(world):
    await board(world)
    world.api.clock.advance(DAY)
    await change(world, "csat", name="Satisfaction")

    assert (await keys(world, sort="-updated"))[0] == "csat"
    assert (await keys(world, sort="updated"))[-1] == "csat"


@pytest.mark.parametrize(("field", "value"), [("sort", "colour"), ("state", "fine"), ("tag", ""), ("text", "")])
async def test_no_filter_is_refused_with_its_name(world, field, value):
    answer = await world.send("GET", "/v1/kpis", params={field: value})

    assert answer.status_code == 422
    assert pointers(answer)[0].startswith(f"/query/{field}")


async def test_the_state_goes_with_the_monitors_and_is_no_change(world):
    """Two monitors: one breaches, is thrown away, the other waits; then the definition is still of its first version."""
    await world.kpi()
    tag = (await world.send("GET", "/v1/kpis/k")).headers["etag"]
    states = []

    async def look():
        states.append((await world.get("/v1/kpis/k"))["state"])

    bad = await world.monitor(HIGH)
    waiting = await world.monitor(HIGH, **{"for": "PT1H"})
    await look()
    await world.report(11)
    await world.tick(1)
    await look()
    assert (await world.send("DELETE", f"/v1/kpis/k/monitors/{bad['id']}")).status_code == 204
    await look()
    off = await world.send("PATCH", f"/v1/kpis/k/monitors/{waiting['id']}", json={"enabled": False})
    assert off.status_code == 200
    await look()

    assert states == ["ok", "breached", "pending", "ok"]
    assert (await world.send("GET", "/v1/kpis/k")).headers["etag"] == tag


async def test_another_measure_begins_anew(world):
    await world.kpi()
    await world.monitor(HIGH)
    await world.report(11)
    await world.tick(1)
    assert (await world.get("/v1/kpis/k"))["state"] == "breached"
    await world.kpi(key="a")

    await change(world, measure=formula("a + 1", a="a"))

    shown = await world.get("/v1/kpis/k")
    assert (shown["state"], shown["value"], shown["series"]) == ("ok", None, [])
    refused = await world.send("POST", "/v1/kpis/k/values", json={"value": 1})
    assert refused.status_code == 409


async def test_a_formula_comes_to_what_its_kpis_come_to(world):
    """3 of 8 paid: 37.5. Without visitors there is no quotient, and without a value neither."""
    await world.kpi(key="paid")
    await world.kpi(key="visits")
    await world.kpi(formula("a / b * 100", a="paid", b="visits"), key="conversion", target=50)
    found = []
    for paid, visits in ((None, 8), (3, None), (None, 0), (0, 8)):
        world.api.clock.advance(60)
        for key, value in (("paid", paid), ("visits", visits)):
            if value is not None:
                await world.report(value, key=key)
        await world.recur()
        shown = await world.get("/v1/kpis/conversion")
        found.append((shown["value"], shown["progress"]))

    assert found == [(None, None), (37.5, 0.75), (None, None), (0, 0)]
    assert [point["value"] for point in shown["series"]] == [0]


async def test_a_formula_reads_events_and_formulas_of_its_own_day(world):
    """Yesterday two came and one today: as of midnight 2 * 10 + 1, today 1 * 10 + 1."""
    count = {"type": "events", "event": "feedback.received", "aggregate": "count"}
    await world.kpi(count, key="count")
    await world.kpi(formula("a * 10", a="count"), key="ten")
    await world.kpi(formula("a + 1", a="ten"), key="eleven")
    await world.hear(world.received(), world.received())
    await world.recur()
    world.api.clock.set(NOON + DAY)
    await world.hear(world.received())
    await world.recur()

    shown = await world.get("/v1/kpis/eleven")
    assert [(point["at"], point["value"]) for point in shown["series"]] == [
        ("2026-11-26T00:00:00Z", 21),
        (shown["measured_at"], 11),
    ]
    series = await world.get(
        "/v1/kpis/eleven/series", **{"from": "2026-11-25T00:00:00Z", "to": "2026-11-27T00:00:00Z", "interval": "P1D"}
    )
    assert [(point["value"], point["samples"]) for point in series["points"]] == [(21, 1), (11, 1)]


async def test_no_formula_stands_on_itself_at_any_remove(world):
    await world.kpi(key="a")
    await world.kpi(formula("a + 1", a="a"), key="b")
    await world.kpi(formula("b + 1", b="b"), key="c")

    for of in ({"a": "a"}, {"a": "b"}, {"a": "c"}):
        refused = await change(world, "a", expect=409, measure=formula("a", **of))
        assert "a formula of a cannot stand on a" in refused.json()["detail"]
    # and a KPI of its own key does not exist yet
    made = await world.send("POST", "/v1/kpis", json={"key": "d", "name": "D", "measure": formula("a", a="d")})
    assert (made.status_code, pointers(made)) == (422, ["/measure/of/a"])


async def test_what_a_formula_stands_on_stays(world):
    await world.kpi(key="a")
    await world.kpi(formula("a + 1", a="a"), key="b")

    refused = await world.send("DELETE", "/v1/kpis/a")
    assert refused.status_code == 409
    assert "the formulas of b stand on this KPI" in refused.json()["detail"]

    for key in ("b", "a"):
        assert (await world.send("DELETE", f"/v1/kpis/{key}")).status_code == 204


async def test_others_know_and_use_none_of_it(world):
    insight = await world.post("/v1/insights", {"name": "A", "kind": "active-users", "query": {}})
    await world.kpi(key="a", owner="growth")
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    assert (await world.send("GET", "/v1/kpis", headers=theirs)).json()["items"] == []
    for measure, where in (
        (formula("a", a="a"), "/measure/of/a"),
        ({"type": "insight", "insight_id": insight["id"]}, "/measure/insight_id"),
    ):
        body = {"key": "b", "name": "B", "measure": measure}
        answer = await world.send("POST", "/v1/kpis", json=body, headers=theirs)
        assert (answer.status_code, pointers(answer)) == (422, [where])


async def test_a_board_of_fifty_is_few_statements_whatever_they_measure(world):
    """Fifty KPIs with thirty days each: as many statements as one KPI takes, and quick."""

    async def asked():
        statements = []

        def note(connection, cursor, statement, *rest):
            statements.append(statement)

        event.listen(world.api.db.engine.sync_engine, "before_cursor_execute", note)
        begun = perf_counter()
        found = (await world.get("/v1/kpis", limit=50))["items"]
        seconds = perf_counter() - begun
        event.remove(world.api.db.engine.sync_engine, "before_cursor_execute", note)
        return found, len(statements), seconds

    await world.kpi(key="k0")
    await asked()
    _, few, _ = await asked()
    for place in range(1, 50):
        await world.kpi({"type": "events", "event": "feedback.received", "aggregate": "count"}, key=f"k{place}")
    await world.recur()
    await asked()  # whose key it is, is looked up again after some seconds

    found, statements, seconds = await asked()

    assert [len(item["series"]) for item in found] == [30] * 49 + [0]
    assert statements == few
    assert seconds < 2  # some 0.05 s where nobody else works; the bench measures it
