"""Persons behind numbers, over small random worlds: as many as each insight counts."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from services.metrics.tests.asked import Insights
from services.metrics.tests.behind import behind
from tests.insights.questions import question
from tests.insights.worlds import world as world_of

Json = dict[str, Any]
Number = tuple[int, Json]
"""What an insight counts, and how its persons are asked for."""
MOST = 12
"""Numbers of one answer that are looked behind."""


def of_trends(query: Json, answer: Json) -> Iterator[Number]:
    letters = {chr(ord("A") + place): place for place in range(len(query["series"]))}
    for row in answer["series"]:
        if row["name"] in letters:
            asked = {"series": letters[row["name"]], "breakdown": row["breakdown"]}
            yield row["total"], asked
            for place, value in enumerate(row["values"]):
                yield value, asked | {"interval": place}


def of_retention(query: Json, answer: Json) -> Iterator[Number]:
    for row in answer["cohorts"]:
        for column, cell in enumerate(row["values"]):
            asked = {"cohort": row["start"], "breakdown": row["breakdown"], "column": column}
            yield cell["count"], asked
            yield row["size"] - cell["count"], asked | {"retained": False}


def of_lifecycle(query: Json, answer: Json) -> Iterator[Number]:
    for status in ("new", "returning", "resurrecting", "dormant"):
        for place, value in enumerate(answer[status]):
            yield abs(value), {"interval": place, "status": status}


def of_stickiness(query: Json, answer: Json) -> Iterator[Number]:
    for times, people in enumerate(answer["people"], start=1):
        yield people, {"intervals": times}


def of_paths(query: Json, answer: Json) -> Iterator[Number]:
    for edge in answer["edges"]:
        yield edge["count"], {"source": edge["source"], "target": edge["target"]}
    for node in answer["nodes"]:
        yield node["count"], {"target": node["name"]}


NUMBERS = {
    "trends": of_trends,
    "retention": of_retention,
    "lifecycle": of_lifecycle,
    "stickiness": of_stickiness,
    "paths": of_paths,
}


@pytest.mark.parametrize("seed", [*range(1, 6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 11))])
async def test_there_are_as_many_persons_as_are_counted(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)

    for insight, numbers in NUMBERS.items():
        random = Random(seed)
        query = question(insight, world, random)
        for one in query.get("series", ()):
            one.pop("property", None)
            one["aggregate"] = "users"
        answer = await world_with_store.post(f"/v1/insights/{insight}", query, 200)
        found = list(numbers(query, answer))
        # where somebody is, there is something to see; of where nobody is a few are enough
        somebody = [each for each in found if each[0]]
        chosen = random.sample(somebody, k=min(MOST, len(somebody))) + [each for each in found if not each[0]][:3]
        for count, number in chosen:
            limit = random.choice((1, 2, 200))
            persons = await behind(world_with_store, insight, query, limit=limit, **number)
            # paths count sessions, of which a person may have several
            least = min(count, 1) if insight == "paths" else count
            assert least <= len(persons) <= count, (insight, query, number)
            assert "" not in persons
