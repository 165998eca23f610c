"""The chains of funnels beside a search through all of them: slower still, and nothing but the definition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.insights.reference import answer
from tests.insights.reference.chains import duration
from tests.insights.reference.events import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUERY = {"from": "2026-03-01", "to": "2026-03-01", "window": "PT5M"}
# what each event may serve: A and B by name, A or B by a condition; C is in no step
KINDS = {"A": {"A"}, "B": {"B"}, "AB": {"A", "B"}, "C": set[str]()}

histories = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 7)), max_size=6)
orders_of_steps = st.lists(st.sampled_from("AB"), min_size=2, max_size=4)


def events_of(history: Sequence[tuple[str, int]]) -> list[Event]:
    return [
        {
            "id": f"m{number}",
            "event": "E",
            "time": NOON + timedelta(minutes=minute),
            "person": "p1",
            "properties": dict.fromkeys(KINDS[kind], True),
            "kind": "track",
        }
        for number, (kind, minute) in enumerate(history)
    ]


def step_of(letter: str) -> dict[str, Any]:
    return {"event": "E", "where": [{"field": f"properties.{letter}", "op": "eq", "value": True}]}


def chains(history: Sequence[tuple[str, int]], steps: Sequence[str], order: str) -> Iterator[tuple[int, int, int]]:
    """Yield (depth, end, start) of everything that is a chain."""
    for length in range(1, min(len(steps), len(history)) + 1):
        for chosen in permutations(range(len(history)), length):
            times = [history[place][1] for place in chosen]
            start, end = min(times), max(times)
            if end - start > 5:
                continue
            if order == "unordered":
                # each of the chosen serves the step at its place of some choice of steps
                picks = permutations(steps, length)
            else:
                picks = iter([tuple(steps[:length])])
                if times != sorted(times):
                    continue
            if not any(all(s in KINDS[history[p][0]] for p, s in zip(chosen, pick, strict=True)) for pick in picks):
                continue
            others = [minute for place, (_, minute) in enumerate(history) if place not in chosen]
            if order == "strict" and any(start < minute < end for minute in others):
                continue
            yield length, end, start


@pytest.mark.parametrize("order", ["ordered", "strict", "unordered"])
@given(history=histories, steps=orders_of_steps)
@settings(max_examples=150, deadline=None)
def test_the_best_of_all_chains_is_found(order, history, steps):
    query = QUERY | {"steps": [step_of(letter) for letter in steps], "order": order}

    found = answer("funnel", events_of(history), query, now=NOON)

    best = min(((-depth, end, -start) for depth, end, start in chains(history, steps, order)), default=(0, 0, 0))
    assert [row["count"] for row in found["steps"]] == [int(place < -best[0]) for place in range(len(steps))]
    seconds = found["time_to_convert"]["average_seconds"]
    assert seconds == ((best[1] + best[2]) * 60 if -best[0] == len(steps) else None)


@given(history=histories, steps=orders_of_steps)
@settings(max_examples=100, deadline=None)
def test_totals_use_each_event_once_and_count_at_least_what_users_do(history, steps):
    def counts(by: str) -> list[int]:
        query = QUERY | {"steps": [step_of(letter) for letter in steps], "count_by": by}
        return [row["count"] for row in answer("funnel", events_of(history), query, now=NOON)["steps"]]

    assert all(total >= user for total, user in zip(counts("totals"), counts("users"), strict=True))
    assert sum(counts("totals")) <= len(history)


@pytest.mark.parametrize(
    ("iso", "seconds"),
    [
        *(("PT5M", 300), ("PT1.5S", 1.5), ("PT1H30M", 5400), ("P1D", 86_400), ("P1DT1S", 86_401)),
        *(("P2W", 14 * 86_400), ("P1M", 30 * 86_400), ("P1Y", 365 * 86_400)),
    ],
)
def test_a_duration(iso, seconds):
    assert duration(iso).total_seconds() == seconds
