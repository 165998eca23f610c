"""How one person (session, attempt) comes through the steps of a funnel, to the letter of docs/insights.md §4.

Work is done in small pieces: what yields None has only worked, so that whoever drives it can let others go on in between.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import groupby
from operator import or_
from typing import NamedTuple

from opsloop_metrics.steps.rules import NONE, Attribution, Breakdown, CountBy, Entrant, Funnel, FunnelMode, Order

_IDLE_MS = 30 * 60 * 1000


class Seen(NamedTuple):
    """An event: its time in milliseconds, and as bits which steps it may serve and which exclusions it is."""

    time: int
    steps: int
    excluded: int
    value: str


class Span(NamedTuple):
    """Milliseconds: where chains start (`start` ≤ time < `end`), and what time it is."""

    start: int
    end: int
    now: int


@dataclass(slots=True)
class Chain:
    """One way through: when each step was done. `served` are the steps of each group of events of one time, or events in order."""

    start: int
    depth: int
    reached_at: int
    times: dict[int, int]
    is_tainted: bool = False
    served: dict[int, int] = field(default_factory=dict)

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Return the key of which the best chain has the least."""
        return -self.depth, self.is_tainted, self.reached_at, -self.start


class History:
    """What one subject did, by time. Two chains never ask for the same thing twice."""

    def __init__(self, events: Sequence[Seen], funnel: Funnel) -> None:
        self.events, self.funnel = events, funnel
        self.window = int(funnel.window.total_seconds() * 1000)
        self.groups = [list(own) for _, own in groupby(range(len(events)), key=lambda place: events[place].time)]
        self.times = [events[own[0]].time for own in self.groups]
        self.having: list[list[int]] = [[] for _ in funnel.steps]
        for at, own in enumerate(self.groups):
            bits = reduce(or_, (events[place].steps for place in own))
            while bits:
                self.having[(bits & -bits).bit_length() - 1].append(at)
                bits &= bits - 1
        self.excluding = [
            [event.time for event in events if event.excluded >> number & 1] for number in range(len(funnel.exclusions))
        ]
        self.by_steps: dict[int, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            if event.steps:
                self.by_steps[event.steps].append(place)
        self._runs: dict[tuple[int, int], int] = {}

    def starts(self, span: Span) -> list[int]:
        """Return the groups at which a chain may start."""
        any_step = self.funnel.order is Order.UNORDERED
        able = sorted({at for own in self.having for at in own}) if any_step else self.having[0]
        return [at for at in able if span.start <= self.times[at] < span.end]

    def serve(self, at: int, steps: Sequence[int]) -> list[int] | None:
        """Return which events of a group serve steps: for each the first that leaves the later ones served. None: they cannot."""
        return serve([(place, self.events[place].steps) for place in self.groups[at]], steps)

    def run(self, at: int, depth: int) -> int:
        """Return how many steps, from the one at a depth on, a group's events serve."""
        needed = self.funnel.needed[depth:]
        if len(self.groups[at]) == 1:
            return 1 if needed and self.events[self.groups[at][0]].steps >> needed[0] & 1 else 0
        if (known := self._runs.get((at, depth))) is None:
            known = 0
            while known < len(needed) and self.serve(at, needed[: known + 1]) is not None:
                known += 1
            self._runs[at, depth] = known
        return known

    def taint(self, chain: Chain) -> None:
        """Note whether an excluded event lies where none may."""
        for number, each in enumerate(self.funnel.exclusions):
            since, until = chain.times.get(each.first), chain.times.get(each.last)
            if since is None:
                continue
            times = self.excluding[number]
            next_one = bisect_right(times, since)
            if next_one < len(times):
                at = times[next_one]
                chain.is_tainted |= at < until if until is not None else at <= chain.start + self.window


def serve(events: Sequence[tuple[int, int]], steps: Sequence[int]) -> list[int] | None:
    """Return which of events (place and steps as bits) serve steps, one each: for each the first that leaves the later ones served."""
    kept: list[tuple[int, int]] = []  # of those that can do the same, no more than there are steps
    alike: dict[int, int] = defaultdict(int)
    for place, bits in events:
        can = sum(1 << step for step in steps if bits >> step & 1)
        alike[can] += 1
        if can and alike[can] <= len(steps):
            kept.append((place, can))
    if not _all_served(kept, steps):
        return None
    chosen: list[int] = []
    for number, step in enumerate(steps):
        for one in kept:
            rest = [other for other in kept if other is not one]
            if one[1] >> step & 1 and _all_served(rest, steps[number + 1 :]):
                chosen.append(one[0])
                kept = rest
                break
    return chosen


def _all_served(events: Sequence[tuple[int, int]], steps: Sequence[int]) -> bool:
    holder: dict[int, int] = {}
    return len(steps) <= len(events) and all(_place(events, step, holder, set()) for step in steps)


def _place(events: Sequence[tuple[int, int]], step: int, holder: dict[int, int], tried: set[int]) -> bool:
    """Find an event for a step, moving other steps to other events if need be."""
    for at, (_, bits) in enumerate(events):
        if bits >> step & 1 and at not in tried:
            tried.add(at)
            if at not in holder or _place(events, holder[at], holder, tried):
                holder[at] = step
                return True
    return False


def ordered(history: History, at: int) -> Chain:
    """Return the chain that starts at a group: each step at its earliest time."""
    needed, start = history.funnel.needed, history.times[at]
    times: dict[int, int] = {}
    while len(times) < len(needed):
        having = history.having[needed[len(times)]]
        found = bisect_left(having, at)
        if found == len(having) or history.times[having[found]] > start + history.window:
            break
        at = having[found]
        depth = len(times)
        for step in needed[depth : depth + history.run(at, depth)]:
            times[step] = history.times[at]
        at += 1
    return Chain(start, len(times), max(times.values()), times)


def strict(history: History, at: int) -> Chain:
    """Return the chain that starts at a group, between the steps of which nothing else happens."""
    start, depth, times = history.times[at], history.run(at, 0), history.times
    found: list[list[int]] = []
    for first in range(depth, 0, -1):  # all that fit at the start, or fewer: what else is of that time does not disturb
        done = [start] * first
        found.append(done)
        for later in range(at + 1, len(times)):
            if times[later] > start + history.window or len(done) == len(history.funnel.steps):
                break
            found.append(done + [times[later]] * history.run(later, len(done)))
            steps = history.funnel.needed[len(done) :][: len(history.groups[later])]
            if len(steps) < len(history.groups[later]) or history.serve(later, steps) is None:
                break
            done = done + [times[later]] * len(steps)
    best = min(found, key=lambda each: (-len(each), each[-1], each))
    return Chain(start, len(best), best[-1], dict(enumerate(best)))


def unordered(history: History, at: int) -> Chain:
    """Return the chain that starts at a group: each event that lets one more step be served.

    What was of no use once is of none later, and neither is another that can do the same: so few events are looked at.
    """
    start, events = history.times[at], history.events
    waiting = {bits: bisect_left(own, history.groups[at][0]) for bits, own in history.by_steps.items()}
    taken: list[int] = []
    while waiting and len(taken) < len(history.funnel.steps):
        bits = min(waiting, key=lambda each: _nth(history.by_steps[each], waiting[each]))
        place = _nth(history.by_steps[bits], waiting[bits])
        if place == _NEVER or events[place].time > start + history.window:
            break
        if can_serve_apart([events[each].steps for each in (*taken, place)]):
            taken.append(place)
            waiting[bits] += 1
        else:
            del waiting[bits]
    times = {number: events[place].time for number, place in enumerate(taken)}
    return Chain(start, len(taken), max(times.values()), times, served=dict(enumerate(taken)))


_NEVER = 1 << 62


def _nth(places: Sequence[int], number: int) -> int:
    return places[number] if number < len(places) else _NEVER


def can_serve_apart(events: Sequence[int]) -> bool:
    """Say whether each event (steps as bits) can serve a step of its own."""
    steps = [(step, sum(1 << at for at, bits in enumerate(events) if bits >> step & 1)) for step in range(20)]
    return _all_served(steps, range(len(events)))


_BUILDERS = {Order.ORDERED: ordered, Order.STRICT: strict, Order.UNORDERED: unordered}


def best_of(history: History, span: Span) -> Generator[None, None, Chain | None]:
    """Return the best chain, if there is any; yield for each that was looked at."""
    best: Chain | None = None
    for at in history.starts(span):
        chain = _BUILDERS[history.funnel.order](history, at)
        history.taint(chain)
        if best is None or chain.rank < best.rank:
            best = chain
        yield
    if best is not None:
        _finish(history, best)
    return best


def _finish(history: History, chain: Chain) -> None:
    """Find out which optional steps the chain did, and which events served it."""
    if history.funnel.order is Order.UNORDERED:
        return
    done: dict[int, list[int]] = defaultdict(list)  # steps by group
    for step, time in chain.times.items():
        done[bisect_left(history.times, time)].append(step)
    for step in (number for number, each in enumerate(history.funnel.steps) if each.is_optional):
        if history.funnel.before(step) in chain.times:
            _do_optional(history, chain, step, done)
    for at, steps in done.items():
        chain.served |= dict(zip(sorted(steps), history.serve(at, sorted(steps)) or (), strict=True))


def _do_optional(history: History, chain: Chain, step: int, done: dict[int, list[int]]) -> None:
    earliest = chain.times[max(each for each in chain.times if each < step)]
    ends = (time for each, time in chain.times.items() if each > step)
    latest = min(ends, default=chain.start + history.window)
    having = history.having[step]
    for at in having[bisect_left(having, bisect_left(history.times, earliest)) :]:
        if history.times[at] > latest:
            return
        if history.serve(at, sorted([*done.get(at, ()), step])) is not None:
            done[at].append(step)
            chain.times[step] = history.times[at]
            return


def entrants(person: str, events: Sequence[Seen], funnel: Funnel, span: Span) -> Generator[Entrant | None, None, None]:
    """Yield None for each chain looked at, and who entered, of what one subject did (in order)."""
    history = History(events, funnel)
    starts = history.starts(span)
    latest = history.times[starts[-1]] if starts else 0
    is_each = funnel.count_by is CountBy.TOTALS
    while (chain := (yield from best_of(history, span))) is not None:
        if not chain.is_tainted:
            yield _entrant(person, chain, history, span, chain.start if is_each else latest)
        if not is_each:
            return
        taken = set(chain.served.values())
        left = [event._replace(steps=0) if place in taken else event for place, event in enumerate(history.events)]
        history = History(left, funnel)
        yield from [None] * (len(left) // 50)  # as much work as looking at so many chains


def _entrant(person: str, chain: Chain, history: History, span: Span, start: int) -> Entrant:
    funnel = history.funnel
    is_open = span.now <= start + history.window and (funnel.mode is FunnelMode.ENTRY or span.now < span.end)
    times = tuple(chain.times.get(number) for number in range(len(funnel.steps)))
    return Entrant(person, times, is_open, _value(chain, history, funnel.breakdown))


def _value(chain: Chain, history: History, breakdown: Breakdown | None) -> str | None:
    """Return the breakdown value of a chain; None: it is left out."""
    if breakdown is None:
        return None
    if breakdown.attribution is Attribution.STEP:
        place = chain.served.get(breakdown.step)
        return None if place is None else history.events[place].value or NONE
    steps = sorted(chain.served, key=lambda step: (chain.times[step], step))
    if breakdown.attribution is Attribution.LAST:
        steps.reverse()
    values = (history.events[chain.served[step]].value for step in steps)
    return next(filter(None, values), NONE)


def sessions(events: Sequence[Seen]) -> list[list[Seen]]:
    """Return what somebody did, which is in order, as sessions: they end with a break of more than 30 minutes."""
    found: list[list[Seen]] = []
    for event in events:
        if found and event.time - found[-1][-1].time <= _IDLE_MS:
            found[-1].append(event)
        else:
            found.append([event])
    return found


def subjects(events: Sequence[Seen], funnel: Funnel, span: Span) -> list[list[Seen]]:
    """Return what goes through the funnel on its own: of each value or each session, or everything that a person did."""
    parts = [list(events)]
    if funnel.is_divided_before:
        by_value: dict[str, list[Seen]] = defaultdict(list)
        for event in events:
            by_value[event.value].append(event)
        parts = list(by_value.values())
    if funnel.count_by is CountBy.SESSIONS:
        parts = [session for part in parts for session in sessions(part)]
    until = span.end if funnel.mode is FunnelMode.RANGE else _NEVER
    return [[event for event in part if span.start <= event.time < until] for part in parts]
