"""The reference is held to worlds worked by hand, and to what must be so in any world."""

from __future__ import annotations

import pytest

from tests.insights.by_hand import WORLDS
from tests.insights.reference import answer


@pytest.mark.parametrize(
    ("world", "asked"),
    [
        pytest.param(world, asked, id=f"{world.name} {number}")
        for world in WORLDS
        for number, asked in enumerate(world.asked)
    ],
)
def test_a_world_worked_by_hand(world, asked):
    found = answer(world.insight, reversed(world.events), asked.query, now=asked.now)

    assert asked.see(found) == asked.expected, world.why
