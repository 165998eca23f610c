"""Experience against plain Python that shares no code with it, in small random worlds."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import quantiles

import pytest

from services.metrics.tests.asked import Insights, did

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
END = FIRST + timedelta(days=2)
PAGES = ("/", "/购物车", "/pay")
WHAT = {"view": None, "Rage Click": "rage", "Dead Click": "dead", "Error": "errors", "Web Vitals": None}


def world(seed):
    """Return events as (person, name, time, page, version, lcp) around two days, several of one time."""
    chance = random.Random(seed)
    return [
        (
            f"u{chance.randint(1, 6)}",
            chance.choice(list(WHAT)),
            FIRST + timedelta(minutes=15 * chance.randint(-8, 4 * 50)),
            chance.choice(PAGES),
            chance.choice(("1.0", "2.0")),
            chance.choice((0, 2_500, 2_501, 4_000, 4_001, 9_000)),
        )
        for _ in range(60)
    ]


def sessions(events):
    """Return lists of events of one person with at most 30 minutes between them, those that begin in the range."""
    found = []
    for person in {event[0] for event in events}:
        own = sorted((event for event in events if event[0] == person), key=lambda event: event[2])
        runs = [[own[0]]]
        for event in own[1:]:
            if event[2] - runs[-1][-1][2] > timedelta(minutes=30):
                runs.append([])
            runs[-1].append(event)
        found += [run for run in runs if FIRST <= run[0][2] < END]
    return found


def reference(events):
    """Return the numbers that matter of an experience."""
    inside = [event for event in events if FIRST <= event[2] < END]
    runs = sessions(events)
    people = {event[0] for event in inside}
    measured = [event[5] for event in inside if event[1] == "Web Vitals"]

    def failed(version):
        def is_of(event):
            return version is None or event[4] == version

        active, met = ({e[0] for e in inside if is_of(e) and e[1] in names} for names in (WHAT, ("Error",)))
        own = [[event for event in run if is_of(event)] for run in runs]
        return (
            sum(e[1] == "Error" and is_of(e) for e in inside),
            len(met),
            len(active),
            sum(bool(run) for run in own),
            sum(any(event[1] == "Error" for event in run) for run in own),
        )

    friction = []
    for page in PAGES:
        there = {event[0] for event in inside if event[3] == page}
        met = defaultdict(set)
        for person, name, _, where, _, lcp in inside:
            kind = "poor_vitals" if name == "Web Vitals" and lcp > 4_000 else WHAT[name]
            if where == page and kind:
                met[kind].add(person)
        troubled = set().union(*met.values())
        if troubled:
            counts = tuple(len(met[kind]) for kind in ("rage", "dead", "errors", "poor_vitals"))
            friction.append((page, len(there), len(troubled), *counts))
    return {
        "people": len(people),
        "sessions": len(runs),
        "vitals": (
            len(measured),
            quantiles(measured, n=4, method="inclusive")[2] if len(measured) > 1 else sum(measured),
            sum(value <= 2_500 for value in measured),
            sum(value > 4_000 for value in measured),
        ),
        "clicks": {
            name: (
                sum(event[1] == name for event in inside),
                len({event[0] for event in inside if event[1] == name}),
            )
            for name in ("Rage Click", "Dead Click")
        },
        "errors": {version: failed(version) for version in (None, "1.0", "2.0")},
        "friction": sorted(friction, key=lambda row: (-row[2], row[0])),
    }


def seen(found):
    """Return the same of an answer."""
    (lcp,) = (each for each in found["vitals"]["metrics"] if each["metric"] == "lcp")
    clicks, errors = found["clicks"], found["errors"]
    names = ("events", "people", "active_people", "active_sessions", "sessions")
    counts = ("page", "people", "troubled", "rage", "dead", "errors", "poor_vitals")
    return {
        "people": found["people"],
        "sessions": found["sessions"],
        "vitals": (
            lcp["samples"],
            lcp["p75"],
            round(lcp["good"] * lcp["samples"]),
            round(lcp["poor"] * lcp["samples"]),
        ),
        "clicks": {
            name: (clicks[kind]["events"], clicks[kind]["people"])
            for name, kind in (("Rage Click", "rage"), ("Dead Click", "dead"))
        },
        "errors": {
            row["version"]: tuple(row[name] for name in names) for row in (errors["total"], *errors["versions"])
        },
        "friction": [tuple(page[name] for name in counts) for page in found["friction"]],
    }


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 12))])
async def test_the_same_as_plain_python(world_with_store, seed):
    insights = Insights(world_with_store)
    events = world(seed)
    await insights.happened(
        *(
            did(
                person,
                name,
                f"{time:%m-%dT%H:%M}",
                properties={"url": f"https://shop.example{page}"} | ({"lcp": lcp} if name == "Web Vitals" else {}),
                context={"app": {"version": version}},
            )
            for person, name, time, page, version, lcp in events
        )
    )

    found = await insights.ask("experience", **{"from": "2026-03-01", "to": "2026-03-02"})

    assert seen(found) == reference(events)
