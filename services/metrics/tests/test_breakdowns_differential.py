"""Tables of values over small random worlds: what comes through the door is what a few plain lines of Python count."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from services.metrics.tests.asked import Insights
from tests.insights.compare import differences
from tests.insights.questions import question, without_interval
from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import by_person, chosen, field, matches, text
from tests.insights.reference.sessions import sessions_of
from tests.insights.worlds import NAMES
from tests.insights.worlds import world as world_of

QUESTIONS = 5
FIELDS = ("properties.source", "properties.amount", "properties.tags", "path", "person.plan", "person.seats", "event")


def asked_of(world, random):
    """Return a random query about a world."""
    of = random.choice(("events", "events", "entries", "exits"))
    event = {"event": random.choice(NAMES)} if of == "events" and random.random() < 0.5 else {}
    compare = {"compare": "previous"} if random.random() < 0.5 else {}
    return without_interval(question("sessions", world, random)) | event | compare | {
        "of": of,
        "by": random.sample(FIELDS, k=random.randint(1, 3)),
        "limit": random.choice((1, 2, 5, 100)),
    }  # fmt: skip


def before(asked, span):
    """Return when the time before begins: as many whole days earlier, or as many seconds."""
    if len(asked["from"]) > len("2026-01-01"):
        return span.since - (span.until - span.since)
    first, last = date.fromisoformat(asked["from"]), date.fromisoformat(asked["to"])
    day = first - (last - first + timedelta(days=1))
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(asked["time_zone"])).astimezone(UTC)


def seen(events, asked, since, until):
    """Return who was seen with which values, once an event or session."""
    kept = chosen(events, asked)
    if asked["of"] == "events":
        found = [one for own in by_person(kept).values() for one in own if matches(one, {"event": asked.get("event")})]
        found = [one for one in found if since <= one["time"] < until]
    else:
        begun = [one for one in sessions_of(kept, since, until) if since <= one[0]["time"] < until]
        pages = [[one for one in session if one["kind"] == "page"] for session in begun]
        found = [some[0 if asked["of"] == "entries" else -1] for some in pages if some]
    values = defaultdict(list)
    for one in found:
        values[tuple(text(field(one, each)) for each in asked["by"])].append(one["person"])
    return values


def counted(events, asked):
    """Return the answer."""
    span = span_of(asked)
    now, earlier = seen(events, asked, span.since, span.until), seen(events, asked, before(asked, span), span.since)
    ranked = sorted(now, key=lambda values: (-len(set(now[values])), -len(now[values]), values))
    everyone = [person for own in now.values() for person in own]
    rest = [person for values in ranked[asked["limit"] :] for person in now[values]]
    rows = [
        {
            "values": list(values),
            **count(now[values]),
            "share": len(set(now[values])) / len(set(everyone)),
            "previous": count(earlier[values]) if "compare" in asked else None,
        }
        for values in ranked[: asked["limit"]]
    ]
    return {"by": asked["by"], "rows": rows, "other": count(rest) if rest else None, "total": count(everyone)}


def count(people):
    return {"events": len(people), "people": len(set(people))}


@pytest.mark.parametrize("seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(7, 31))])
async def test_the_product_counts_as_plain_python_does(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)

    for number in range(QUESTIONS):
        asked = asked_of(world, Random(f"breakdown {seed} {number}"))
        found = await world_with_store.post("/v1/insights/breakdown", asked, 200)
        assert list(differences(found, counted(world.events, asked))) == [], asked
