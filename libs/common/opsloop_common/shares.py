"""Who may take a place now: places are few, those who want them are workspaces (or kinds of work), and some hold theirs for long.

Whoever held much lately, and for long at a time, leaves the last places alone, so that the others find one at once. Nothing here waits
or does anything: a gate of requests, a queue engine, a pool of connections each ask it in their own way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from math import exp, inf
from typing import TypeVar

MEMORY_SECONDS = 30.0
"""What was held so long ago counts for a third (1/e). Ten that take turns with 4 s each come back after 13 s: not as if new."""
LIGHT_SHARE = 1 / 4
"""Of the places that are kept: who held no more on average is light, so that several of them find one each."""
FAIR_SHARE = 1 / 3
"""… and no more than so much of what each has where all take turns at the others."""
QUICK_SECONDS = 0.05
"""Who gives a place back so soon, on average, keeps nobody waiting, however often it comes: light as well."""
QUICK_SHARE = 1 / 2
"""… or within so much of the time for which places are usually kept: on a busy machine everything takes longer."""
FIRST_SECONDS = 1.0
"""Whoever is new is judged by no shorter a time, else its first moment would look like a life of holding."""
FORGOTTEN = 0.001  # places, on average: 5 statements of 2 ms in 10 s
SWEEP_SECONDS = 1.0
AVERAGED_SECONDS = 0.1
"""An average over all keys costs a look at each of them, and moves within seconds: it is made anew after so long."""

KeyT = TypeVar("KeyT", bound=Hashable)


class _Held:
    """Places that one key holds, and how many it held lately on average, of the time since it came."""

    __slots__ = ("at", "ended", "faded", "now", "since")

    def __init__(self, at: float) -> None:
        self.now, self.faded, self.ended, self.at, self.since = 0, 0.0, 0.0, at, at

    def settle(self, at: float) -> None:
        kept = exp(-(at - self.at) / MEMORY_SECONDS)
        self.faded = self.now + (self.faded - self.now) * kept
        self.ended *= kept
        self.at = at

    def seconds(self) -> float:
        return self.faded * MEMORY_SECONDS / max(self.now + self.ended, 1.0)

    def lately(self) -> float:
        return self.faded / (1 - exp(-max(self.at - self.since, FIRST_SECONDS) / MEMORY_SECONDS))


class Usage:
    """How many places each of many keys holds, and held lately: an average that fades over `MEMORY_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._keys: dict[Hashable, _Held] = {}
        self._swept_at = clock()
        self._averaged_at, self._mean, self._usual = -inf, 0.0, 0.0

    def __len__(self) -> int:
        """Return how many keys hold or held anything."""
        return len(self._keys)

    def __iter__(self) -> Iterator[Hashable]:
        """Go through those that hold or held anything."""
        return iter(list(self._keys))

    def enter(self, key: Hashable, count: int = 1) -> None:
        """Note that `key` takes places."""
        self._settled(key).now += count

    def leave(self, key: Hashable, count: int = 1) -> None:
        """Note that `key` gives places back."""
        held = self._settled(key)
        held.now -= count
        held.ended += count
        if held.at - self._swept_at > SWEEP_SECONDS:
            self._sweep(held.at)

    def held(self, key: Hashable) -> int:
        """Return how many places `key` holds."""
        return self._keys[key].now if key in self._keys else 0

    def lately(self, key: Hashable) -> float:
        """Return how many places `key` held lately, on average; those it holds since count as they grow old."""
        return self._settled(key).lately() if key in self._keys else 0.0

    def burden(self, key: Hashable) -> float:
        """Return how much `key` kept others waiting lately: the places it held, times how long it keeps one."""
        return self.lately(key) * self._keys[key].seconds() if key in self._keys else 0.0

    def mean(self) -> float:
        """Return how many places one key held lately, on average of all that held anything."""
        self._average()
        return self._mean

    def is_quick(self, key: Hashable) -> bool:
        """Say whether `key` gave places back lately, and soon after it took them, by a fixed measure or beside the others."""
        if key not in self._keys:
            return False
        held = self._settled(key)
        if held.ended < 1 / 2:
            return False
        return held.seconds() <= QUICK_SECONDS or held.seconds() <= self.usual_seconds() * QUICK_SHARE

    def usual_seconds(self) -> float:
        """Return how long a place that is held is kept, on average of the places, whoever holds them."""
        self._average()
        return self._usual

    def _average(self) -> None:
        at = self._clock()
        if at - self._averaged_at < AVERAGED_SECONDS:
            return
        self._averaged_at = at
        everybody = [self._settled(key) for key in self]
        self._mean = sum(held.lately() for held in everybody) / max(len(everybody), 1)
        places = max(sum(held.faded for held in everybody), FORGOTTEN)
        self._usual = sum(held.faded * held.seconds() for held in everybody) / places

    def _settled(self, key: Hashable) -> _Held:
        at = self._clock()
        held = self._keys.get(key)
        if held is None:
            held = self._keys[key] = _Held(at)
        held.settle(at)
        return held

    def _sweep(self, at: float) -> None:
        self._swept_at = at
        for key, held in list(self._keys.items()):
            held.settle(at)
            if not held.now and held.faded < FORGOTTEN:
                del self._keys[key]


class Places:
    """`size` places. Who takes one says by which `keys` it is known, always as many: a workspace, or a kind and a workspace.

    Of the last places `kept` are left alone for each key that is heavy. So those who held much lately, together, never hold
    them all, and with two keys the light workspaces of a heavy kind still leave some to the light kinds.
    """

    def __init__(self, size: int, *, kept: int = 1, keys: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        if size <= kept * keys:
            raise ValueError("somebody who is heavy needs a place too")
        self.size = size
        self.kept = kept
        self.taken = 0
        self._usages = [Usage(clock) for _ in range(keys)]

    def is_light(self, key: Hashable, place: int = 0) -> bool:
        """Say whether `key`, the one at `place` of its kind, may take one of those that are kept.

        It holds few places, and held few lately or gives them back soon.
        """
        usage = self._usages[place]
        return usage.held(key) < self._allowed(usage, key)

    def _allowed(self, usage: Usage, key: Hashable) -> int:
        if usage.is_quick(key):
            return self.kept
        if usage.lately(key) > min(self.kept * LIGHT_SHARE, (self.size - self.kept) / max(len(usage), 1) * FAIR_SHARE):
            return 0
        # ten that come at the same time, and turn out to be slow, must not have taken them all
        return max(1, int(self.kept * LIGHT_SHARE / max(len(usage), 1))) if self.kept else 0

    def has_room(self, *keys: Hashable) -> bool:
        """Say whether somebody known by `keys` may take a place now."""
        free = self.size - self.taken
        if free > self.kept * len(self._usages):  # the usual case asks no more
            return True
        heavy = sum(not self.is_light(key, place) for place, key in enumerate(keys))
        return free > self.kept * heavy

    def room(self, key: Hashable) -> int:
        """Return how many places `key`, known by nothing else, may take at once."""
        free = self.size - self.taken
        if free >= 2 * self.kept:  # the usual case asks no more
            return free - self.kept
        usage = self._usages[0]
        return max(0, free - self.kept, min(free, self._allowed(usage, key) - usage.held(key)))

    def heavy(self) -> list[Hashable]:
        """Return who, known by one key each, leaves alone what is kept."""
        return [key for key in self._usages[0] if not self.is_light(key)]

    def enter(self, *keys: Hashable, count: int = 1) -> None:
        """Take a place, after `has_room` said so; or as many as `room` said."""
        self.taken += count
        for usage, key in zip(self._usages, keys, strict=True):
            usage.enter(key, count)

    def leave(self, *keys: Hashable, count: int = 1) -> None:
        """Give places back."""
        self.taken -= count
        for usage, key in zip(self._usages, keys, strict=True):
            usage.leave(key, count)

    def burden(self, *keys: Hashable) -> float:
        """Return how much those with these keys kept others waiting lately: of those that wait, the least goes first."""
        return sum(usage.burden(key) for usage, key in zip(self._usages, keys, strict=True))
