"""How an endpoint fares as one process sees it: how many calls at once, how many a second, and when none at all. No clock of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

CLAIMED_AT_FIRST = 64
"""How many deliveries of an endpoint a process holds before it has seen it answer."""
CLAIMED_AT_MOST = 1_000
PLACES = 64
PLACES_WHEN_UNWELL = 4
PLACES_OF_RETRIES = 16
"""Beside those of first attempts, so that what is new never waits for what failed."""
UNWELL_AFTER = 3
OPEN_AFTER = 10
"""Failures in a row."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)
NO_TIME = timedelta(0)
PROBED_WITHIN = timedelta(seconds=20)
"""A call ends within 15 s."""
NEXT_LOOK = timedelta(seconds=1)
"""Nothing is held back for less: it would be due again before that it is held back is recorded."""
BURST_SECONDS = 0.1
PULSES_KEPT = 1_000  # of whose answers something is remembered, whatever that is
PULSES_AT_MOST = 20_000  # … while there is anything that must not be forgotten: 6 MB
HELD_SECONDS = 2
"""Of an endpoint with a rate no more is held than it takes in so long: what is held does not hear that the endpoint was changed."""


class Pulse:
    """What the answers of one endpoint came to.

    After ten failures in a row first attempts are kept from it: for 5 s, then twice as long up to a minute. Repeated ones go out at
    their times, and show how it fares; after a pause in which none is due, one first attempt does. A success lets all go.
    When it names a time (Retry-After) nothing goes out until then, for a minute at most, or for as long as bots of its kind are closed.
    """

    __slots__ = (
        "_asked_until",
        "_filled_at",
        "_is_probing",
        "_open_until",
        "_pause",
        "_tokens",
        "failures",
        "rate",
        "successes",
    )

    def __init__(self) -> None:
        self.failures = 0
        self.successes = 0
        self.rate: float | None = None
        """So many calls a second at most."""
        self._pause = FIRST_PAUSE
        self._open_until: datetime | None = None
        self._is_probing = False
        self._asked_until: datetime | None = None
        self._tokens = 0.0
        self._filled_at: datetime | None = None

    def places(self, *, is_retry: bool) -> int:
        """Return how many calls of a line may be in flight: few first attempts while it does not take them."""
        if is_retry:
            return PLACES_OF_RETRIES
        return PLACES_WHEN_UNWELL if self.failures >= UNWELL_AFTER else PLACES

    def held_back(self, now: datetime, *, at_most: datetime | None) -> datetime | None:
        """Return until when a call has to wait, None when it goes out.

        That the endpoint fails keeps it no longer than until `at_most`, if that is given.
        """
        soonest = now + NEXT_LOOK
        if self._asked_until is not None and now < self._asked_until:
            return max(self._asked_until, soonest)
        if self._open_until is None:
            return None
        if now >= self._open_until or (at_most is not None and soonest > at_most):
            self.probes(now)
            return None
        until = soonest if self._is_probing else max(self._open_until, soonest)
        return until if at_most is None else min(until, at_most)

    def probes(self, now: datetime) -> None:
        """Hear that a call goes out, or is about to: after a pause the others wait for what comes of it."""
        if self._open_until is not None and now >= self._open_until:
            self._is_probing, self._open_until = True, now + PROBED_WITHIN

    def succeeded(self) -> None:
        """Note a success."""
        self.failures, self._open_until, self._is_probing, self._pause = 0, None, False, FIRST_PAUSE
        self.successes = min(self.successes + 1, CLAIMED_AT_MOST)

    def failed(self, now: datetime, wish: timedelta | None = None, *, closed: timedelta = NO_TIME) -> None:
        """Note a failure, with the pause that the endpoint asked for, and for how long it is `closed` to whoever called too often."""
        self.successes, self.failures = 0, self.failures + 1
        if pause := max(min(wish or NO_TIME, LONGEST_PAUSE), closed):
            asked = now + pause
            self._asked_until = asked if self._asked_until is None else max(asked, self._asked_until)
        if self._open_until is None:
            if self.failures < OPEN_AFTER:
                return
        elif self._is_probing or now >= self._open_until:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        else:
            return  # during a pause that says nothing new
        self._is_probing, self._open_until = False, now + self._pause

    def wait(self, now: datetime) -> float:
        """Return for how many seconds the next call has to wait for the endpoint's rate."""
        if self.rate is None:
            return 0.0
        self._fill(now, self.rate)
        return max(0.0, (1 - self._tokens) / self.rate)

    def take(self, now: datetime) -> None:
        """Count a call against the rate."""
        if self.rate is not None:
            self._fill(now, self.rate)
            self._tokens -= 1

    def _fill(self, now: datetime, rate: float) -> None:
        most = max(1.0, rate * BURST_SECONDS)
        passed = most if self._filled_at is None else max(0.0, (now - self._filled_at).total_seconds() * rate)
        self._tokens = min(most, self._tokens + passed)
        self._filled_at = now

    def holds(self, now: datetime) -> bool:
        """Say whether forgetting it would let a call go out that it keeps back, or may soon."""
        is_asked = self._asked_until is not None and now < self._asked_until
        if self.failures or is_asked or self.rate is None:
            return self.failures > 0 or is_asked
        self._fill(now, self.rate)
        return self._tokens < max(1.0, self.rate * BURST_SECONDS)

    def earned(self) -> int:
        """Return how many more than at first a process may hold: the more, the longer it takes what it gets; fewer with a rate."""
        if self.rate is not None:
            return least_of(self.rate) - CLAIMED_AT_FIRST
        return min(self.successes, CLAIMED_AT_MOST - CLAIMED_AT_FIRST)


class Pulses:
    """Pulses by name. Those that hold nothing are forgotten when there are many, first what nobody asked for longest."""

    def __init__(self) -> None:
        self._pulses: OrderedDict[str, Pulse] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._pulses)

    def __getitem__(self, name: str) -> Pulse:
        """Return one, made where it is new."""
        pulse = self._pulses.get(name)
        if pulse is None:
            if len(self._pulses) >= PULSES_AT_MOST:
                self._pulses.popitem(last=False)
            pulse = self._pulses[name] = Pulse()
        self._pulses.move_to_end(name)
        return pulse

    def find(self, name: str) -> Pulse | None:
        """Return one if it is remembered."""
        return self._pulses.get(name)

    def latest(self) -> Iterator[tuple[str, Pulse]]:
        """Go through those that were asked for last."""
        return islice(reversed(self._pulses.items()), PULSES_KEPT)

    def forget(self, now: datetime) -> None:
        """Forget what holds nothing, as far as there are too many; looks at so many at a time."""
        for _ in range(min(len(self._pulses) - PULSES_KEPT, PULSES_KEPT)):
            name, pulse = self._pulses.popitem(last=False)
            if pulse.holds(now):
                self._pulses[name] = pulse  # behind those that are still to be looked at


def least_of(rate: float | None) -> int:
    """Return how many deliveries of an endpoint with this rate a process holds before it has seen it answer."""
    return CLAIMED_AT_FIRST if rate is None else min(CLAIMED_AT_FIRST, max(1, int(rate * HELD_SECONDS)))
