"""The product agrees with the reference, which shares no code with it: over random worlds, and over those worked by hand."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.insights.by_hand import WORLDS
from tests.insights.by_hand.worked import LATE, Worked
from tests.insights.compare import differences
from tests.insights.product import Product
from tests.insights.questions import QUESTIONS, question
from tests.insights.reference import answer
from tests.insights.segment import messages_of
from tests.insights.worlds import World, world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.xdist_group("insights")]
WORLDS_OF_A_TEST = 20
SEEDS = range(1, 241, WORLDS_OF_A_TEST)
SIDE_BY_SIDE = 4
QUESTIONS_OF_A_WORLD = 1
"""… by each insight that it is asked of."""
MORE_SEEDS = range(1_000, 5_000, WORLDS_OF_A_TEST)


@pytest.mark.parametrize("worked", WORLDS, ids=lambda worked: worked.name)
async def test_worlds_worked_by_hand(product: Product, worked: Worked) -> None:
    workspace = f"hand-{WORLDS.index(worked)}"
    await product.capture(workspace, messages_of(worked.events), now=LATE)

    for asked in worked.asked:
        found = await product.ask(workspace, worked.insight, asked.query, now=asked.now)
        assert list(differences(asked.see(found), asked.expected)) == [], (worked.why, asked.query)


async def captured(product: Product, seeds: range) -> list[World]:
    """Make random worlds and send some side by side, so that blocks of the event store hold some of each."""
    made = [world(seed) for seed in seeds]
    for first in range(0, len(made), SIDE_BY_SIDE):
        some = made[first : first + SIDE_BY_SIDE]
        await asyncio.gather(*[product.capture(f"world-{one.seed}", one.messages, now=one.now) for one in some])
    return made


async def compare(product: Product, made: World, insights: tuple[str, ...]) -> list[str]:
    """Return where the product and the reference differ about a random world."""
    wrong = []
    for insight in insights:
        for number in range(QUESTIONS_OF_A_WORLD):
            query = question(insight, made, Random(f"{made.seed} {insight} {number}"))
            found = await product.ask(f"world-{made.seed}", insight, query, now=made.now)
            expected = answer(insight, made.events, query, now=made.now)
            wrong += [
                f"world {made.seed}, {insight}: {place} {query}" for place in list(differences(found, expected))[:3]
            ]
    return wrong


@pytest.mark.parametrize("first", SEEDS)
async def test_random_worlds(product: Product, first: int) -> None:
    wrong = []
    kinds = tuple(QUESTIONS)
    for made in await captured(product, range(first, first + WORLDS_OF_A_TEST)):
        # each world is asked of two insights, in turn, so that each insight meets sixty worlds
        asked = tuple(kinds[(2 * made.seed + more) % len(kinds)] for more in range(2))
        wrong += await compare(product, made, asked)

    assert wrong == []


@pytest.mark.soak
@pytest.mark.parametrize("first", MORE_SEEDS)
async def test_many_more_random_worlds(product: Product, first: int) -> None:
    wrong = []
    for made in await captured(product, range(first, first + WORLDS_OF_A_TEST)):
        wrong += await compare(product, made, tuple(QUESTIONS))

    assert wrong == []
