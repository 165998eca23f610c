"""Attribution over small random worlds: what comes through the door is what a few plain lines of Python count."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from opsloop_metrics.store.port import written
from services.metrics.tests.asked import Insights
from tests.insights.compare import differences
from tests.insights.questions import question, without_interval
from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import ACTIVITY, NONE, by_person, chosen, field, is_number, matches, text
from tests.insights.reference.sessions import MARGIN, cut
from tests.insights.worlds import NAMES
from tests.insights.worlds import world as world_of

QUESTIONS = 4
FIELDS = ("properties.source", "properties.amount", "path", "person.plan", "event")
LOOKBACKS = {
    "PT10M": timedelta(minutes=10),
    "P1D": timedelta(days=1),
    "P30D": timedelta(days=30),
    "P365D": timedelta(days=365),
}


def asked_of(world, random):
    """Return a random query about a world."""
    common = without_interval(question("sessions", world, random))
    conversion = {"event": random.choice((*NAMES, None))}
    if random.random() < 0.3:
        conversion["where"] = [{"field": "properties.amount", "op": "gt", "value": 1}]
    money = {"revenue": "properties.amount"} if random.random() < 0.7 else {}
    return common | money | {
        "conversion": conversion,
        "by": random.choice(FIELDS),
        "lookback": random.choice(list(LOOKBACKS)),
        "limit": random.choice((1, 2, 3, 20)),
        "skip_direct": random.random() < 0.7,
    }  # fmt: skip


def counted(events, asked):
    """Return the answer: the sessions of each person with their values, then what each conversion makes of them."""
    span, lookback = span_of(asked), LOOKBACKS[asked["lookback"]]
    near = [one for one in chosen(events, asked) if span.since - lookback - MARGIN <= one["time"] < span.until + MARGIN]
    sessions, people = defaultdict(int), defaultdict(set)
    credit = defaultdict(lambda: {model: [0, 0] for model in ("first", "last", "linear")})
    for person, own in by_person(near).items():
        touches = [
            (session[0]["time"], value_of(session, asked["by"]))
            for session in cut([one for one in own if one["kind"] in ACTIVITY])
        ]
        for begun, value in touches:
            if span.since <= begun < span.until:
                sessions[value] += 1
                people[value].add(person)
        for event in own:
            if not (matches(event, asked["conversion"]) and span.since <= event["time"] < span.until):
                continue
            values = [value for begun, value in touches if event["time"] - lookback <= begun <= event["time"]]
            if asked["skip_direct"]:
                values = [value for value in values if value != NONE] or values
            values = values or [NONE]
            amount = field(event, "properties.amount")
            for model, given in (("first", values[:1]), ("last", values[-1:]), ("linear", values)):
                for value in given:
                    credit[value][model][0] += 1 / len(given)
                    credit[value][model][1] += (amount if is_number(amount) else 0) / len(given)
    return told(asked, sessions, people, credit)


def value_of(session, by):
    return next((text(field(one, by)) for one in session if text(field(one, by)) != NONE), NONE)


def told(asked, sessions, people, credit):
    known = sorted(
        sessions.keys() | credit.keys(),
        key=lambda value: (-round(credit[value]["linear"][0], 6), -sessions[value], value),
    )
    groups = [(value, [value]) for value in known[: asked["limit"]]]
    groups += [("$other", known[asked["limit"] :])] if known[asked["limit"] :] else []

    def given(values, model):
        conversions, money = (sum(credit[value][model][part] for value in values) for part in (0, 1))
        return {"conversions": conversions, "revenue": money if "revenue" in asked else None}

    rows = [
        {
            "value": name,
            "sessions": sum(sessions[value] for value in values),
            "people": len(set().union(*(people[value] for value in values))),
            **{model: given(values, model) for model in ("first", "last", "linear")},
        }
        for name, values in groups
    ]
    return {"rows": rows, "total": {**given(known, "first"), "people": len(set().union(*people.values()))}}


@pytest.mark.parametrize("seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(7, 31))])
async def test_the_product_counts_as_plain_python_does(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)

    for number in range(QUESTIONS):
        asked = asked_of(world, Random(f"attribution {seed} {number}"))
        found = await world_with_store.post("/v1/insights/attribution", asked, 200)
        assert list(differences(found, counted(world.events, asked))) == [], asked

        for model in ("first", "last", "linear"):  # every conversion is credited once, whatever the model
            credited = sum(row[model]["conversions"] for row in found["rows"])
            assert credited == pytest.approx(found["total"]["conversions"], abs=1e-9)


@pytest.mark.parametrize("lookback", [timedelta(days=365), timedelta(days=20), timedelta(hours=3)])
async def test_one_person_with_thousands_of_sessions_and_conversions(world_with_store, store, lookback):
    """A shared login comes every 40 minutes for 278 days, pays a minute later, and is answered as anybody else."""
    count, sources, began = 10_000, ("ad", "mail", "", "搜索", ""), datetime(2026, 2, 1, tzinfo=UTC)
    columns = (
        "workspace", "id", "message_id", "kind", "event", "time", "distinct_id", "person", "utm_source", "properties",
    )  # fmt: skip
    rows, visits = [], [(began + number * timedelta(minutes=40), sources[number % 5]) for number in range(count)]
    for number, (at, source) in enumerate(visits):
        for kind, name, time, told in (
            ("page", "$pageview", at, "{}"),
            ("track", "paid", at + timedelta(minutes=1), f'{{"amount": {number % 7}}}'),
        ):
            place = len(rows)
            own = source if kind == "page" else ""
            rows.append(
                ("acme", str(UUID(int=place)), f"m{place}", kind, name, written(time), "u", str(UUID(int=7)), own, told)
            )
    await store.insert("opsloop.event", columns, rows)
    world_with_store.api.clock.set(began + timedelta(days=310))
    asked = {
        "from": "2026-02-01", "to": "2026-11-30", "time_zone": "UTC", "conversion": {"event": "paid"}, "by": "utm_source",
        "revenue": "properties.amount", "lookback": f"PT{lookback // timedelta(seconds=1)}S",
    }  # fmt: skip

    found = await world_with_store.post("/v1/insights/attribution", asked, 200)

    credit, near, oldest = defaultdict(lambda: defaultdict(float)), Counter(), 0
    last = ""
    for number, (at, source) in enumerate(visits):
        paid_at = at + timedelta(minutes=1)
        near[source] += 1
        last = source or last
        while visits[oldest][0] < paid_at - lookback:
            near[visits[oldest][1]] -= 1
            oldest += 1
        kept = {value: times for value, times in near.items() if value and times}
        first = next(value for _, value in visits[oldest:] if value)
        for model, shares in (
            ("first", {first: 1}),
            ("last", {last: 1}),
            ("linear", {value: times / sum(kept.values()) for value, times in kept.items()}),
        ):
            for value, share in shares.items():
                credit[value][model, "conversions"] += share
                credit[value][model, "revenue"] += share * (number % 7)
    assert found["total"]["conversions"] == count
    assert {row["value"]: row["sessions"] for row in found["rows"]} == {
        "ad": 2_000, "mail": 2_000, "搜索": 2_000, "$none": 4_000
    }  # fmt: skip
    for row in found["rows"]:
        for model in ("first", "last", "linear"):
            for what in ("conversions", "revenue"):
                assert row[model][what] == pytest.approx(credit[row["value"]][model, what], rel=1e-9), (row, model)
