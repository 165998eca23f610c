"""Chains: how one person (or session) comes through the steps of a funnel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from tests.insights.reference.events import Event, matches

Group = tuple[datetime, list["Candidate"]]  # the events of one timestamp, in order


@dataclass(eq=False)
class Candidate:
    """An event with the steps that it could serve; `is_free` until a chain took it away (totals)."""

    event: Event
    steps: frozenset[int]
    is_free: bool = True

    def can(self, step: int) -> bool:
        """Say whether the event may serve a step."""
        return self.is_free and step in self.steps


@dataclass
class Chain:
    """One way through the funnel: which event served which step. Unordered: the n-th that was completed."""

    start: datetime
    depth: int
    reached_at: datetime  # when the depth was; optional steps after it do not matter
    served: dict[int, Candidate] = field(default_factory=dict)
    is_tainted: bool = False

    def time(self, step: int) -> datetime:
        """Return when a step was done."""
        return self.served[step].event["time"]

    def rank(self) -> tuple[int, bool, datetime, float]:
        """Return the key by which the best of a person's chains is the least."""
        return -self.depth, self.is_tainted, self.reached_at, -self.start.timestamp()


def serve(candidates: list[Candidate], steps: list[int]) -> list[Candidate] | None:
    """Return which events serve the steps, one each: for each step the first that leaves the later ones served. None: cannot."""
    if not steps:
        return []
    for place, one in enumerate(candidates):
        if one.can(steps[0]):
            rest = serve(candidates[:place] + candidates[place + 1 :], steps[1:])
            if rest is not None:
                return [one, *rest]
    return None


def most(candidates: list[Candidate], steps: list[int]) -> int:
    """Return how many of the steps, from the first on, the events can serve."""
    count = 0
    while count < len(steps) and serve(candidates, steps[: count + 1]) is not None:
        count += 1
    return count


def best_chain(
    candidates: list[Candidate], query: Mapping[str, Any], starts: Callable[[datetime], bool]
) -> Chain | None:
    """Return the best of the chains that start where `starts` allows."""
    chains = []
    for start in start_times(candidates, query):
        if starts(start):
            chain = _BUILDERS[query.get("order") or "ordered"](candidates, start, query)
            chain.is_tainted = any(_taints(chain, one, candidates, query) for one in query.get("exclusions") or [])
            chains.append(chain)
    return min(chains, key=Chain.rank, default=None)


def start_times(candidates: list[Candidate], query: Mapping[str, Any]) -> list[datetime]:
    """Return when chains may start."""
    any_step = query.get("order") == "unordered"
    can_start = (one for one in candidates if (any_step and one.is_free and one.steps) or one.can(0))
    return sorted({one.event["time"] for one in can_start})


def window(query: Mapping[str, Any]) -> timedelta:
    """Return how long a chain may last."""
    return duration(query.get("window") or "P14D")


def duration(iso: str) -> timedelta:
    """Return the length of an ISO 8601 duration; a month is 30 days, a year 365."""
    days = {"Y": 365, "M": 30, "W": 7, "D": 1}
    seconds = {"H": 3600, "M": 60, "S": 1}
    date, _, time = iso.removeprefix("P").partition("T")
    return timedelta(days=_units(date, days), seconds=_units(time, seconds))


def _units(text: str, units: Mapping[str, int]) -> float:
    total, number = 0.0, ""
    for letter in text:
        if letter in units:
            total, number = total + float(number) * units[letter], ""
        else:
            number += letter
    return total


def groups(candidates: list[Candidate], since: datetime, until: datetime) -> list[Group]:
    """Return the events from `since` to `until`, both included, by timestamp."""
    inside = [one for one in candidates if since <= one.event["time"] <= until]
    return [(time, list(own)) for time, own in groupby(inside, key=lambda one: one.event["time"])]


def mandatory(query: Mapping[str, Any]) -> list[int]:
    """Return the numbers of the steps that are not optional."""
    return [number for number, step in enumerate(query["steps"]) if not step.get("optional")]


def _ordered(candidates: list[Candidate], start: datetime, query: Mapping[str, Any]) -> Chain:
    near, needed = groups(candidates, start, start + window(query)), mandatory(query)
    done: dict[datetime, list[int]] = {}  # steps by the time at which they are done
    depth = 0
    for time, own in near:
        count = most(own, needed[depth:])
        done[time] = needed[depth : depth + count]
        depth += count
    reached_at = max(time for time, steps in done.items() if steps)
    for step in range(len(query["steps"])):
        if step not in needed:
            _do_optional(step, near, done, before=max(each for each in needed if each < step))
    return Chain(start, depth, reached_at, _served(near, done))


def _do_optional(step: int, near: list[Group], done: dict[datetime, list[int]], *, before: int) -> None:
    """Let an optional step be done at its earliest time between the steps around it, if an event is left for it."""
    times = {each: time for time, steps in done.items() for each in steps}
    if before not in times:
        return
    earliest = times[max(each for each in times if each < step)]
    latest = min((time for each, time in times.items() if each > step), default=near[-1][0])
    for time, own in near:
        steps = sorted([*done[time], step])
        if earliest <= time <= latest and serve(own, steps) is not None:
            done[time] = steps
            return


def _served(near: list[Group], done: Mapping[datetime, list[int]]) -> dict[int, Candidate]:
    return {step: one for time, own in near for step, one in zip(done[time], serve(own, done[time]) or [], strict=True)}


def _strict(candidates: list[Candidate], start: datetime, query: Mapping[str, Any]) -> Chain:
    near, steps = groups(candidates, start, start + window(query)), list(range(len(query["steps"])))
    found: list[dict[datetime, list[int]]] = []
    for first in range(
        most(near[0][1], steps), 0, -1
    ):  # all that fit at the start, or fewer: events before step 1 do not disturb
        done = {start: steps[:first]}
        found.append(dict(done))
        for time, own in near[1:]:
            depth = sum(map(len, done.values()))
            found.append({**done, time: steps[depth : depth + most(own, steps[depth:])]})
            done[time] = steps[depth : depth + len(own)]  # to go on, every event here has to serve
            if len(done[time]) < len(own) or serve(own, done[time]) is None:
                break
    chains = [Chain(start, sum(map(len, done.values())), max(time for time in done if done[time])) for done in found]

    def rank(place: int) -> Any:
        times = [time for time, own in sorted(found[place].items()) for _ in own]
        return -chains[place].depth, chains[place].reached_at, times

    best = min(range(len(found)), key=rank)
    chains[best].served = _served([(time, own) for time, own in near if time in found[best]], found[best])
    return chains[best]


def _unordered(candidates: list[Candidate], start: datetime, query: Mapping[str, Any]) -> Chain:
    taken: list[Candidate] = []
    for _, own in groups(candidates, start, start + window(query)):
        for one in own:
            if _can_serve_apart([*taken, one]):
                taken.append(one)
    return Chain(start, len(taken), taken[-1].event["time"], dict(enumerate(taken)))


def _can_serve_apart(candidates: list[Candidate], used: frozenset[int] = frozenset()) -> bool:
    """Say whether each of the events can serve a step of its own."""
    if not candidates:
        return True
    free = [step for step in candidates[0].steps - used if candidates[0].can(step)]
    return any(_can_serve_apart(candidates[1:], used | {step}) for step in free)


_BUILDERS = {"ordered": _ordered, "strict": _strict, "unordered": _unordered}


def _taints(chain: Chain, exclusion: Mapping[str, Any], candidates: list[Candidate], query: Mapping[str, Any]) -> bool:
    first, last = exclusion["from"], exclusion["to"]
    if first not in chain.served:
        return False
    until = chain.time(last) if last in chain.served else None
    end = chain.start + window(query)
    times = [one.event["time"] for one in candidates if matches(one.event, exclusion)]
    return any(chain.time(first) < time and (time < until if until else time <= end) for time in times)
