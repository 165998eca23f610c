"""Series of KPIs with known anomalies: weekly season, trend, level shifts, chance. Seeded, so that everybody sees the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from opsloop_metrics.anomalies.rules import Interval

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """`values` by bucket; `windows`: first and last bucket of each anomaly; `shifts`: where the level changed for good."""

    values: Numbers
    windows: list[tuple[int, int]]
    shifts: list[int]


@dataclass(frozen=True)
class World:
    """How many series of which length, in buckets; nothing unusual happens before `quiet_until`.

    `sizes`: powers of ten that a bucket's usual value lies between; `longest`: how many buckets an anomaly may last.
    """

    interval: Interval
    series: int
    length: int
    quiet_until: int
    sizes: tuple[float, float]
    longest: int

    @property
    def a_day(self) -> int:
        """Return how many buckets a day has."""
        return {"day": 1, "hour": 24}[self.interval]


DAILY = World("day", series=400, length=210, quiet_until=70, sizes=(1.5, 4.5), longest=3)
HOURLY = World("hour", series=60, length=24 * 84, quiet_until=24 * 28, sizes=(2, 4.5), longest=6)


def simulate(world: World, seed: int = 1) -> list[Series]:
    """Return the series of a world. Where nobody can say whether it is one, nothing is drawn: anomalies keep a week's distance."""
    random = default_rng(seed)
    return [_series(world, random) for _ in range(world.series)]


def _series(world: World, random: Generator) -> Series:
    buckets = np.arange(world.length)
    days = buckets // world.a_day
    usual = random.normal(0, 0.08, 7) + np.array([0, 0, 0, 0, 0, 1, 1]) * random.uniform(-0.8, 0.3)
    level = np.log(10 ** random.uniform(*world.sizes)) + usual[days % 7]
    level += random.uniform(-0.3, 0.5) * days / 180  # trend
    if world.interval == "hour":
        hours = buckets % 24
        level += random.uniform(0.3, 1.2) * np.sin((hours - random.uniform(6, 11)) * np.pi / 12)
    shifts, windows = _happenings(world, random)
    for start in shifts:
        level[start:] += random.choice((-1, 1)) * random.uniform(0.15, 0.4)
    means = np.exp(level + random.normal(0, random.uniform(0.02, 0.09), world.length))
    for first, last in windows:
        means[first : last + 1] *= 1 + random.choice((-1, 1)) * random.uniform(0.2, 0.6)
    return Series(random.poisson(means).astype(np.float64), windows, shifts)


def _happenings(world: World, random: Generator) -> tuple[list[int], list[tuple[int, int]]]:
    """Return one level shift for every second series, and an anomaly a month where no shift is near."""
    shifts = [int(random.integers(world.quiet_until, world.length))] if random.random() < 0.5 else []
    windows: list[tuple[int, int]] = []
    apart = 7 * world.a_day
    for start in range(world.quiet_until, world.length - apart, 30 * world.a_day):
        first = start + int(random.integers(0, 21 * world.a_day))
        last = first + int(random.integers(0, world.longest))
        if last < world.length and all(abs(first - shift) > 2 * apart for shift in shifts):
            windows.append((first, last))
    return shifts, windows
