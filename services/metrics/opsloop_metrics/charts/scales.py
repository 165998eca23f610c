"""Where numbers stand in a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def ticks(low: float, high: float, *, most: int = 5) -> list[float]:
    """Return round numbers that reach from `low` (at most 0) to `high` (at least 0), about `most` steps apart."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    raw = high / most - low / most
    unit = 10.0 ** math.floor(math.log10(raw)) if raw > 1e-290 else 1e-290
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step * 0.999)
    found = [place * step for place in range(first, last + 1)]
    return [round(each, 12) if abs(each) < 1e6 else each for each in found]


def whole_ticks(low: float, high: float) -> list[float]:
    """Return ticks for numbers that count something: none between two whole ones."""
    found = [each for each in ticks(low, high) if each == math.floor(each)]
    return found if len(found) > 1 else [0.0, 1.0]


def drawable(values: Iterable[float | None]) -> list[float | None]:
    """Return values with None for those that have no place."""
    return [value if value is not None and math.isfinite(value) else None for value in values]


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Return places near those wanted, in the same order from top to bottom, at least `gap` apart and between `low` and `high`."""
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    placed = [0.0] * len(wanted)
    at = low - gap
    for place in order:
        at = max(wanted[place], at + gap)
        placed[place] = at
    at = high + gap
    for place in reversed(order):
        at = min(placed[place], at - gap)
        placed[place] = at
    return placed


def some(count: int, most: int) -> list[int]:
    """Return at most `most` of `count` places, evenly apart from the first."""
    step = max(1, math.ceil(count / max(most, 1)))
    return list(range(0, count, step))
