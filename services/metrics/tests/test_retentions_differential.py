"""Retention, paths and sessions over small random worlds: what comes through the doors is what the plain reference counts."""

from random import Random

import pytest

from services.metrics.tests.asked import Insights
from tests.insights.compare import differences
from tests.insights.questions import question
from tests.insights.reference import answer
from tests.insights.worlds import world as world_of

INSIGHTS = ("retention", "paths", "sessions")
QUESTIONS = 2


@pytest.mark.parametrize("seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(7, 31))])
async def test_the_product_counts_as_the_reference_does(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)

    for insight in INSIGHTS:
        for number in range(QUESTIONS):
            asked = question(insight, world, Random(f"{seed} {number}"))
            found = await world_with_store.post(f"/v1/insights/{insight}", asked, 200)
            assert list(differences(found, answer(insight, world.events, asked, now=world.now))) == [], asked
