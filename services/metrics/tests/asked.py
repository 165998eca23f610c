"""How tests of insights ask the product about a world, and what differs from the reference."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.insights.compare import differences
from tests.insights.questions import question
from tests.insights.reference import answer
from tests.insights.segment import batches
from tests.insights.worlds import world as world_of

# bodies of one zone's days in March 2026; the clock of the tests stands behind them
MARCH = {"time_zone": "UTC", "week_start": "monday"}
