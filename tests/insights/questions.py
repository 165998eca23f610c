"""Random questions about a world: for every insight, everything that its query can say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.insights.worlds import NAMES, World

Query = dict[str, Any]

CONDITIONS: tuple[Query, ...] = (
    {"field": "properties.source", "op": "eq", "value": "ad"},
    {"field": "properties.source", "op": "eq", "value": 5},
    {"field": "properties.source", "op": "eq", "value": None},
    {"field": "properties.source", "op": "ne", "value": "微信"},
    {"field": "properties.source", "op": "in", "value": ["ad", "微信", True]},
    {"field": "properties.source", "op": "not_in", "value": ["mail", 2.5]},
    {"field": "properties.source", "op": "exists", "value": True},
    {"field": "properties.source", "op": "exists", "value": False},
    {"field": "properties.source", "op": "contains", "value": "a"},
    {"field": "properties.source", "op": "ge", "value": "ad"},
    {"field": "properties.tags", "op": "contains", "value": "蓝"},
    {"field": "properties.tags", "op": "contains", "value": 1},
    {"field": "properties.amount", "op": "gt", "value": 1},
    {"field": "properties.amount", "op": "le", "value": 12.5},
    {"field": "properties.amount", "op": "lt", "value": "many"},
    {"field": "event", "op": "in", "value": ["view", "$pageview", "支付"]},
    {"field": "event", "op": "ne", "value": "view"},
    {"field": "path", "op": "eq", "value": "/pricing"},
    {"field": "path", "op": "contains", "value": "帮助"},
    {"field": "person.plan", "op": "eq", "value": "pro"},
    {"field": "person.plan", "op": "ne", "value": "企业"},
    {"field": "person.seats", "op": "ge", "value": 5},
)
BREAKDOWNS = ("properties.source", "properties.amount", "event", "path", "person.plan", "person.seats")


def question(insight: str, world: World, random: Random) -> Query:
    """Return a random query of an insight about a world."""
    query = {**_common(world, random), **QUESTIONS[insight](world, random)}
    return without_interval(query) if insight in ("funnel", "paths") else query


def without_interval(query: Query) -> Query:
    """Return a query as those insights have it that count nothing by intervals."""
    return {name: value for name, value in query.items() if name != "interval"}


def _common(world: World, random: Random) -> Query:
    first = world.first_day + timedelta(days=random.randint(-1, world.days // 2))
    last = first + timedelta(days=random.randrange(world.days))
    query: Query = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "time_zone": world.zone,
        "week_start": world.week_start,
        "interval": random.choice(("day", "day", "week", "month")),
    }
    if random.random() < 0.2:  # instants instead of days
        since = datetime(first.year, first.month, first.day, random.randrange(24), random.choice((0, 17)), tzinfo=UTC)
        until = since + timedelta(hours=random.randint(1, 24 * world.days))
        query |= {"from": since.strftime("%Y-%m-%dT%H:%M:%SZ"), "to": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if random.random() < 0.2:
        query["where"] = _conditions(random)
    return query


def _conditions(random: Random) -> list[Query]:
    return random.sample(CONDITIONS, k=random.choice((1, 1, 2)))


def _filter(random: Random, *, any_event: float = 0.2, narrowed: float = 0.2) -> Query:
    chosen: Query = {"event": None if random.random() < any_event else random.choice((*NAMES, "$pageview"))}
    if random.random() < narrowed:
        chosen["where"] = _conditions(random)
    return chosen


def _breakdown(random: Random, **more: Any) -> Query:
    return {"field": random.choice(BREAKDOWNS), "limit": random.choice((1, 2, 3, 10)), **more}


def _trends(world: World, random: Random) -> Query:
    aggregates = ("count", "users", "sum", "avg", "min", "max", "median", "p90", "p95", "p99")
    series = []
    for _ in range(random.randint(1, 3)):
        one = {**_filter(random), "aggregate": random.choice(aggregates)}
        if one["aggregate"] not in ("count", "users"):
            one["property"] = "properties.amount"
        series.append(one)
    query: Query = {"series": series}
    if world.days <= 7:
        query["interval"] = random.choice(("hour", "day", "week"))
    if random.random() < 0.4:
        query["breakdown"] = _breakdown(random)
    if len(series) > 1 and random.random() < 0.6:
        query["formulas"] = random.sample(("B/A", "A-B", "(A+B)/2", "-A*1.5+B", "A/(B-B)"), k=random.randint(1, 2))
    if random.random() < 0.3:
        query["moving_average"] = random.choice((2, 3, 7))
    if random.random() < 0.4:
        query["compare"] = "previous"
    return query


def _funnel(world: World, random: Random) -> Query:
    order = random.choice(("ordered", "ordered", "strict", "unordered"))
    steps = [_filter(random) for _ in range(random.choice((2, 2, 3, 3, 4, 5)))]
    if random.random() < 0.3:  # the same step again
        steps[-1] = dict(steps[0])
    query: Query = {
        "steps": steps,
        "order": order,
        "window": random.choice(("PT5M", "PT30M", "PT1H", "P1D", "P7D", "P14D", "P1M")),
        "mode": random.choice(("entry", "entry", "range")),
        "count_by": random.choice(("users", "users", "users", "sessions", "totals")),
    }
    if order == "ordered" and random.random() < 0.3:
        for step in random.sample(steps[1:-1], k=len(steps[1:-1]) and 1):
            step["optional"] = True
    if random.random() < 0.3:
        query["exclusions"] = [_exclusion(random, query)]
    if random.random() < 0.4:
        query["breakdown"] = _breakdown(random, attribution=random.choice(("first", "last", "all", "step")))
        if query["breakdown"]["attribution"] == "step":
            query["breakdown"]["step"] = 0 if order == "unordered" else random.randrange(len(steps))
    return query


def _exclusion(random: Random, query: Query) -> Query:
    needed = [place for place, step in enumerate(query["steps"]) if not step.get("optional")]
    first, last = sorted(random.sample(needed, k=2))
    if query["order"] == "unordered":
        first, last = needed[0], needed[-1]
    return {"event": random.choice(("refund", "view", "$screen")), "from": first, "to": last}


def _retention(world: World, random: Random) -> Query:
    query: Query = {
        "start": _filter(random),
        "return": _filter(random, any_event=0.5),
        "periods": random.choice((2, 5, 11)),
        "mode": random.choice(("recurring", "recurring", "first_time", "first_ever")),
        "rolling": random.random() < 0.3,
        "min_occurrences": random.choice((1, 1, 1, 2)),
    }
    if world.days <= 3:
        query["interval"] = random.choice(("hour", "day"))
    if random.random() < 0.2:
        query |= {"interval": "day", "windows_24h": True}
    if random.random() < 0.3:
        query["breakdown"] = _breakdown(random)
    return query


def _paths(world: World, random: Random) -> Query:
    kind = random.choice(("path", "event"))
    points = ("/", "/pricing/", "/signup") if kind == "path" else ("view", "signup", "支付", "$pageview")
    query: Query = {
        "field": kind,
        "direction": random.choice(("forward", "backward")),
        "steps": random.choice((2, 3, 5)),
        "limit": random.choice((1, 5, 50)),
    }
    for name in ("start", "end"):
        if random.random() < 0.25:
            query[name] = random.choice(points)
    if random.random() < 0.3:
        query["events"] = [_filter(random) for _ in range(2)]
    return query


def _filtered(world: World, random: Random) -> Query:
    return _filter(random, any_event=0.5)


def _nothing_more(world: World, random: Random) -> Query:
    return {}


QUESTIONS: dict[str, Callable[[World, Random], Query]] = {
    "trends": _trends,
    "active-users": _nothing_more,
    "funnel": _funnel,
    "retention": _retention,
    "lifecycle": _filtered,
    "stickiness": _filtered,
    "paths": _paths,
    "sessions": _nothing_more,
}
