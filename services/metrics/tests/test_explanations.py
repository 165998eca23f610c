"""Explanations through the door: of events beside a reference in Python, of insights, and kept with an incident."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from opsloop_metrics.explanations.rules import OF_PRODUCTS, REASONS
from services.metrics.tests.analyst import Analyst, did

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
SEVERE = [{"field": "data.severity", "op": "in", "value": ["s1", "s2"]}]
SHARE = COUNT | {"aggregate": "share", "where": SEVERE}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIMES = {"from": "2026-11-22T12:00:00Z", "to": "2026-11-22T13:00:00Z"}


async def explain(world, key="k", **query):
    return await world.get(f"/v1/kpis/{key}/explanation", **(TIMES | query))


async def happened(world, *counted):
    """Tell of feedback: (how many, when in hours from noon, fields)."""
    events = []
    for number, hours, fields in counted:
        events += [world.received(at=NOON + hours * HOUR, **fields) for _ in range(number)]
    await world.hear_now(*events)


@pytest.fixture
def world(world):
    world.api.clock.set(NOON + 2 * HOUR)
    return world


async def test_the_sheet_of_a_count(world):
    """As in docs/kpis.md: 100 became 120, and it is all the severe ones."""
    await world.kpi(COUNT)
    for severity, before, after in (("s1", 10, 40), ("s2", 20, 20), ("s4", 70, 60)):
        fields = {"severity": severity}
        await happened(world, (before, -0.5, fields), (after, 0.5, fields))

    found = await explain(world, by="data.severity")

    assert {name: found[name] for name in ("key", "before", "after", "change", "undivided")} == {
        "key": "k", "before": 100, "after": 120, "change": 20, "undivided": None,
    }  # fmt: skip
    assert (found["compare_from"], found["compare_to"]) == ("2026-11-22T11:00:00Z", TIMES["from"])
    [divided] = found["fields"]
    assert [(row["value"], row["before"], row["after"], row["change"], row["share"]) for row in divided["rows"]] == [
        ("s1", 10, 40, 30, 1.5),
        ("s4", 70, 60, -10, -0.5),
        ("s2", 20, 20, 0, 0),
    ]
    assert (divided["other"], divided["net"], divided["gross"], divided["moved"]) == (None, 20, 40, 28)
    # nobody has to know which field: all others stayed as they were in proportion, or have one value
    assert [each["field"] for each in (await explain(world))["fields"]] == ["data.severity"]


async def test_the_sheet_of_a_share(world):
    """As in docs/kpis.md: 18 % became 28 %."""
    await world.kpi(SHARE)
    for channel, severe, mild in (("email", (6, 4), (54, 36)), ("form", (12, 24), (28, 36))):
        for severity, (before, after) in (("s1", severe), ("s4", mild)):
            fields = {"channel": channel, "severity": severity}
            await happened(world, (before, -0.5, fields), (after, 0.5, fields))

    found = await explain(world, by="data.channel")

    assert (found["before"], found["after"]) == (0.18, 0.28)
    [divided] = found["fields"]
    names = ("value", "before", "after", "change", "share", "mix", "rate", "weight_before", "weight_after")
    assert [[row[name] for name in names] for row in divided["rows"]] == [
        ["form", *map(pytest.approx, (0.3, 0.4, 0.074, 0.74, 0.024, 0.05, 0.4, 0.6))],
        ["email", *map(pytest.approx, (0.1, 0.1, 0.026, 0.26, 0.026, 0.0, 0.6, 0.4))],
    ]


CHANNELS = ("email", "form", "api", "widget")


def reference(events, aggregate):
    """Return {value: (before, after)} of above and below, as the docs say it."""
    over, under = Counter(), Counter()
    firsts = {}
    for at, channel, severity, rating, user in sorted(events, key=lambda event: event[0]):
        place = "after" if at >= 0 else "before"
        severe = severity in ("s1", "s2")
        match aggregate:
            case "count" if severe:
                over[channel, place] += 1
            case "sum" | "avg" if severe and rating is not None:
                over[channel, place] += rating
                under[channel, place] += 1
            case "share":
                over[channel, place] += severe
                under[channel, place] += 1
            case "users" if severe:
                firsts.setdefault((user, place), channel)
    for (_, place), channel in firsts.items():
        over[channel, place] += 1
    return over, under


@pytest.mark.parametrize("aggregate", ["count", "sum", "avg", "share", "users"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_events_are_divided_as_a_reference_does(world, aggregate, seed):
    chance = random.Random(seed)
    property = {"property": "data.rating"} if aggregate in ("sum", "avg") else {}
    await world.kpi(COUNT | {"aggregate": aggregate, "where": SEVERE} | property)
    told, events = [], []
    for number in range(150):
        at = chance.uniform(-0.99, 0.99)
        one = (
            at, chance.choice(CHANNELS), chance.choice(["s1", "s2", "s4"]), chance.choice([None, 1, 3, 5]), f"u{number % 17}",
        )  # fmt: skip
        told.append(one)
        fields = dict(zip(("channel", "severity", "rating", "user"), one[1:], strict=True))
        events.append(world.received(at=NOON + at * HOUR, **fields))
    await world.hear_now(*events)

    found = await explain(world, by="data.channel")

    over, under = reference(told, aggregate)
    [divided] = found["fields"]
    for row in divided["rows"]:
        for name in ("before", "after"):
            above, below = over[row["value"], name], under[row["value"], name]
            wanted = above / below if aggregate in ("avg", "share") else above
            assert row[name] == pytest.approx(wanted), (row, name)
    assert sum(row["change"] for row in divided["rows"]) == pytest.approx(found["change"])
    assert divided["other"] is None


async def test_a_ratio_is_divided_by_what_both_sides_have(world):
    await world.kpi({"type": "ratio", "numerator": COUNT | {"where": SEVERE}, "denominator": COUNT})
    await happened(
        world,
        (1, -0.5, {"channel": "email"}),
        (9, -0.5, {"channel": "email", "severity": "s4"}),
        (6, 0.5, {"channel": "email"}),
        (4, 0.5, {"channel": "email", "severity": "s4"}),
    )

    found = await explain(world, by="data.channel")

    [row] = found["fields"][0]["rows"]
    assert (found["change"], row["change"], row["rate"], row["mix"]) == (0.5, 0.5, 0.5, 0)


async def test_times_have_their_first_moment_and_end_just_before_the_last(world):
    await world.kpi(COUNT)
    for number, hours in ((1, -1), (2, 0), (4, 1)):
        await happened(world, (number, hours, {}))

    found = await explain(world)

    assert (found["before"], found["after"]) == (1, 2)


async def test_what_has_no_field_is_null_and_what_is_long_is_cut(world):
    await world.kpi(COUNT)
    await world.hear_now(
        *(
            event.model_copy(update={"data": event.data | {"area": area}})
            for area in ("长" * 300, None)
            for event in [world.received(at=NOON + HOUR / 2)]
        )
    )

    [divided] = (await explain(world, by="data.area"))["fields"]

    assert {row["value"] for row in divided["rows"]} == {"长" * 100, None}


@pytest.mark.parametrize(
    ("measure", "why", "numbers"),
    [
        ({"type": "reported"}, "reported", (3, 5)),
        (COUNT | {"aggregate": "median", "property": "data.sentiment"}, "no_value", (-1, None)),
        (
            {
                "type": "ratio",
                "numerator": COUNT | {"aggregate": "avg", "property": "data.sentiment"},
                "denominator": COUNT,
            },
            "aggregate",
            (-1, None),
        ),
    ],
)
async def test_what_has_no_parts_says_so_and_what_it_came_to(world, measure, why, numbers):
    await world.kpi(measure)
    if why == "reported":
        await world.report(3, NOON - HOUR / 2)
        await world.report(5, NOON + HOUR / 2)
    else:
        await happened(world, (1, -0.5, {}))

    found = await explain(world)

    assert (found["undivided"], found["before"], found["after"], found["fields"]) == (why, *numbers, [])
    assert (found["reason"], found["above"]) == (REASONS[why], None)


@pytest.mark.parametrize(
    ("query", "spans"),
    [
        ({"from": "2026-11-22", "to": "2026-11-22"}, ("20T16", "21T16", "21T16", "22T16")),
        ({"from": "2026-11-21", "to": "2026-11-22"}, ("18T16", "20T16", "20T16", "22T16")),
        (
            {"from": "2026-11-22", "to": "2026-11-22", "compare_from": "2026-11-15", "compare_to": "2026-11-15"},
            ("14T16", "15T16", "21T16", "22T16"),
        ),
        ({"from": "2026-11-22", "to": "2026-11-22T04:00:00Z"}, ("21T04", "21T16", "21T16", "22T04")),
    ],
)
async def test_days_are_the_workspaces_both_ends_included(world, query, spans):
    await world.send("PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai"}, headers=await world.api.key())
    await world.kpi(COUNT)

    found = await explain(world, **query)

    names = ("compare_from", "compare_to", "from", "to")
    assert tuple(found[name] for name in names) == tuple(f"2026-11-{each}:00:00Z" for each in spans)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"compare_from": "1800-01-01", "compare_to": "2026-01-01"}, "/query/compare_from"),
        ({"to": TIMES["from"]}, "/query/to"),
        ({"compare_from": "2026-11-22T11:00:00Z"}, "/query/compare_to"),
        ({"by": "data.colour"}, "/query/by"),
        ({"by": "country"}, "/query/by"),
        ({"by": "no_such_column"}, "/query/by"),
        ({"from": "yesterday"}, "/query/from"),
    ],
)
async def test_what_cannot_be_explained_is_named(world, query, pointer):
    await world.kpi(COUNT)
    answer = await world.send("GET", "/v1/kpis/k/explanation", params=TIMES | query)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


async def test_nobody_else_is_told(world):
    await world.kpi(COUNT)
    theirs = await world.api.key("metrics:read", workspace="other")
    writer = await world.api.key("metrics:write")
    answers = [
        await world.send("GET", "/v1/kpis/k/explanation", params=TIMES, headers=headers) for headers in (theirs, writer)
    ]
    assert [answer.status_code for answer in answers] == [404, 403]


async def test_an_incident_keeps_what_explained_it(world):
    await world.kpi(COUNT)
    await world.monitor({"type": "threshold", "operator": "ge", "value": 5}, window="PT1H")
    begun = world.now
    at = (begun - NOON) / HOUR
    await happened(world, (2, at - 1.5, {"channel": "email"}), (1, at - 0.5, {"channel": "email"}))
    await world.tick(1)

    await happened(world, (5, at, {"channel": "form"}))
    await world.tick(0.5)

    [breach] = (await world.get("/v1/breaches"))["items"]
    shown = await world.get(f"/v1/breaches/{breach['incident_id']}")
    assert shown["explanation"] is None or shown["explanation"]["change"] == 4
    await world.settle(5)
    kept = (await world.get(f"/v1/breaches/{breach['incident_id']}"))["explanation"]
    assert (kept["key"], kept["to"], kept["before"], kept["after"]) == ("k", breach["opened_at"], 2, 6)
    [divided] = [each for each in kept["fields"] if each["field"] == "data.channel"]
    assert [(row["value"], row["change"], row["share"]) for row in divided["rows"]] == [
        ("form", 5, 1.25),
        ("email", -1, -0.25),
    ]


async def test_of_what_has_no_parts_an_incident_keeps_nothing(world):
    await world.kpi()
    await world.monitor({"type": "threshold", "operator": "ge", "value": 5})
    await world.report(7)
    await world.settle(5)

    [breach] = (await world.get("/v1/breaches"))["items"]
    assert (await world.get(f"/v1/breaches/{breach['incident_id']}"))["explanation"] is None


class OfInsights:
    """Asks for explanations of a KPI on a trend of March 2026."""

    TIMES = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}  # noqa: RUF012

    def __init__(self, world):
        self.world, self.analyst = world, Analyst(world, "trends")

    async def kpi(self, *series, **measure):
        query = {"name": "n", "kind": "trends", "query": {"series": list(series), "time_zone": "UTC"}}
        insight = await self.world.post("/v1/insights", query)
        await self.world.kpi({"type": "insight", "insight_id": insight["id"]} | measure)

    async def explain(self, **query):
        return await explain(self.world, **(self.TIMES | query))


@pytest.fixture
def of_insights(world_with_store):
    return OfInsights(world_with_store)


def paid(who, when, plan, amount=1):
    return did(who, "Paid", when, {"plan": plan, "amount": amount})


async def test_a_trends_total_is_divided_by_what_products_tell(of_insights):
    await of_insights.kpi({"event": "Paid"})
    messages = [paid(f"u{number}", "01T10:00", "free") for number in range(4)]
    messages += [paid(f"u{number}", "02T10:00", "free") for number in range(3)]
    messages += [paid(f"p{number}", "02T11:00", "pro") for number in range(5)] + [did("u", "Paid", "02T12:00")]
    await of_insights.analyst.tell(*messages, did("u", "Seen", "02T10:00", {"plan": "pro"}))

    found = await of_insights.explain()

    assert (found["before"], found["after"], found["undivided"]) == (4, 9, None)
    [divided] = found["fields"]  # all else has one value
    assert divided["field"] == OF_PRODUCTS[0] == "properties.plan"
    assert [(row["value"], row["change"]) for row in divided["rows"]] == [("pro", 5), (None, 1), ("free", -1)]


@pytest.mark.parametrize(
    ("series", "before", "after", "rows"),
    [
        # a person counts for the plan of the first payment of the day
        ({"aggregate": "users"}, 2, 2, {"free": 0.0, "pro": 0.0}),
        ({"aggregate": "sum", "property": "properties.amount"}, 30, 60, {"free": 20.0, "pro": 10.0}),
        # free: mix (12.5 - 17.5) x (2/3 - 1/2), rate (7/12) x (15 - 10); pro: mix (25 - 17.5) x (1/3 - 1/2), rate (5/12) x (30 - 20)
        ({"aggregate": "avg", "property": "properties.amount"}, 15, 20, {"free": 25 / 12, "pro": 35 / 12}),
    ],
)
async def test_people_sums_and_averages_of_a_trend(of_insights, series, before, after, rows):
    await of_insights.kpi({"event": "Paid"} | series)
    await of_insights.analyst.tell(
        paid("a", "01T10:00", "free", 10), paid("b", "01T10:00", "pro", 20),
        paid("a", "02T10:00", "free", 20), paid("b", "02T10:00", "pro", 30), paid("b", "02T11:00", "free", 10),
    )  # fmt: skip

    found = await of_insights.explain(by="properties.plan")

    assert (found["before"], found["after"]) == (before, after)
    [divided] = found["fields"]
    changes = {row["value"]: row["change"] for row in divided["rows"]}
    assert changes == pytest.approx(rows)
    assert sum(changes.values()) == pytest.approx(after - before)


async def test_what_is_no_total_of_a_trend_is_not_divided(of_insights):
    await of_insights.kpi({"event": "Paid"}, path="series.0.values.last")

    found = await of_insights.explain()

    assert (found["undivided"], found["fields"]) == ("insight", [])


async def test_fields_of_domain_events_are_none_of_a_products(of_insights):
    await of_insights.kpi({"event": "Paid"})
    answer = await of_insights.world.send(
        "GET", "/v1/kpis/k/explanation", params=OfInsights.TIMES | {"by": "data.channel"}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/by")


async def test_an_incident_of_an_insight_keeps_what_explained_it(of_insights):
    """Asked of the event store by a job: five payments of the pro plan in the last day, one the day before."""
    world = of_insights.world
    world.api.clock.set(datetime(2026, 3, 3, tzinfo=UTC))
    await of_insights.kpi({"event": "Paid"}, days=1)
    await world.post("/v1/kpis/k/monitors", {"condition": {"type": "threshold", "operator": "ge", "value": 5}})
    await of_insights.analyst.tell(
        paid("a", "01T12:00", "free"), *(paid(f"u{number}", "02T12:00", "pro") for number in range(5))
    )

    await world.recur()
    for _ in range(3):
        await world.tick(1)

    [breach] = (await world.get("/v1/breaches"))["items"]
    kept = (await world.get(f"/v1/breaches/{breach['incident_id']}"))["explanation"]
    assert (kept["before"], kept["after"], kept["to"]) == (1, 5, "2026-03-03T00:00:00Z"), "when it was asked"
    [divided] = kept["fields"]
    assert [(row["value"], row["change"]) for row in divided["rows"]] == [("pro", 5), ("free", -1)]
