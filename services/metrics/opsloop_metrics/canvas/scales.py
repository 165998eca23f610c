"""Where numbers stand in a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_STEPS = 5
_LEAST = 1e-280


def ticks(low: float, high: float, *, whole: bool = False, from_zero: bool = True) -> list[float]:
    """Return round numbers, evenly apart, that reach from `low` (at most 0, if `from_zero`) to `high` (at least 0).

    `whole` for what is counted.
    """
    low, high = (min(low, 0.0), max(high, 0.0)) if from_zero else (low, high)
    if high == low:
        high = low + 1.0
    raw = max(high / _STEPS - low / _STEPS, 1.0 if whole else _LEAST)
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10, 20) if unit * factor >= raw)
    return [_round(place * step) for place in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _round(value: float) -> float:
    # 3 * 0.2 is no 0.6
    return float(f"{value:.12g}")


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
