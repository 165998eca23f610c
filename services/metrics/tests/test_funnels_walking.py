"""The exact pass in a process of its own: it says the same, ends in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from random import Random

import psutil
import pytest

from opsloop_common.errors import Unavailable
from opsloop_common.testing.bus_suite import until
from opsloop_metrics.chains.rules import Span
from opsloop_metrics.funnels import service, walking
from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.steps.rules import CountBy, Funnel, Order, Step
from opsloop_metrics.store.port import TooHeavy

DAY_MS = 86_400_000
SPAN = Span(0, DAY_MS, 2 * DAY_MS)


def funnel(order=Order.UNORDERED, steps=3, count_by=CountBy.USERS):
    return Funnel(
        steps=tuple(Step(EventFilter(None)) for _ in range(steps)),
        order=order,
        window=timedelta(days=1),
        count_by=count_by,
    )


def histories(people=40, events=30, steps=3, seed=1):
    """Return rows as the store gives them: what each did, in order."""
    random = Random(seed)
    return [
        [
            f"p{number}",
            sorted(random.randrange(DAY_MS) for _ in range(events)),
            [random.randrange(2**steps) for _ in range(events)],
            [0] * events,
            [""] * events,
        ]
        for number in range(people)
    ]


def children():
    return psutil.Process().children()


@pytest.mark.parametrize("order", [Order.ORDERED, Order.STRICT, Order.UNORDERED])
@pytest.mark.parametrize("count_by", [CountBy.USERS, CountBy.TOTALS])
async def test_apart_it_says_the_same(order, count_by):
    asked = funnel(order, count_by=count_by)
    parts = [histories(seed=1), [], histories(people=1_200, events=5, seed=2)]

    async with walking.walking(asked, SPAN) as walker:
        apart = [[each async for some in walker.walked(part) for each in some] for part in parts]

    here = [[each for each in walking.walk(part, asked, SPAN, iter(range(10**6))) if each] for part in parts]
    assert apart == here
    assert len(apart[2]) > 600  # several frames


async def test_what_walks_for_too_long_is_ended_and_says_what_to_narrow(monkeypatch):
    before = children()
    monkeypatch.setattr(walking, "SECONDS", 1.0)
    heavy = histories(people=1, events=10_000, steps=20)

    with pytest.raises(TooHeavy, match="shorter time"):
        async with walking.walking(funnel(steps=20, count_by=CountBy.TOTALS), SPAN) as walker:
            async for _ in walker.walked(heavy):
                pass

    assert children() == before


async def test_meanwhile_everybody_else_goes_on(monkeypatch):
    monkeypatch.setattr(walking, "SECONDS", 1.0)
    longest, before = 0.0, time.thread_time()

    async def walk():
        async with walking.walking(funnel(steps=20, count_by=CountBy.TOTALS), SPAN) as walker:
            async for _ in walker.walked(histories(people=1, events=10_000, steps=20)):
                pass

    walked = asyncio.ensure_future(walk())
    while not walked.done():
        await asyncio.sleep(0.005)  # how often the loop is to be had
        longest, before = max(longest, time.thread_time() - before), time.thread_time()

    assert isinstance(walked.exception(), TooHeavy)
    assert longest < 0.1  # of processor time: what else the machine does is not in it


async def test_who_goes_away_takes_the_process_along():
    before = children()

    async def walk():
        async with walking.walking(funnel(steps=20, count_by=CountBy.TOTALS), SPAN) as walker:
            async for _ in walker.walked(histories(people=1, events=10_000, steps=20)):
                pass

    async def begun():
        return children() != before

    walked = asyncio.ensure_future(walk())
    await until(begun)
    walked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walked

    assert children() == before


@pytest.mark.parametrize("program", ["raise ImportError('gone')", "import os; os.kill(os.getpid(), 9)"])
async def test_a_process_that_ends_by_itself_is_our_fault_and_not_the_questions(monkeypatch, program):
    monkeypatch.setattr(walking, "_PROGRAM", program)

    with pytest.raises(Unavailable, match="try again"):
        async with walking.walking(funnel(), SPAN) as walker:
            async for _ in walker.walked(histories()):
                pass


async def test_too_many_chains_are_refused_apart_as_they_are_here(monkeypatch):
    monkeypatch.setattr(
        walking,
        "_PROGRAM",
        f"from opsloop_metrics.funnels import walking; walking.MOST_CHAINS = 50; {walking._PROGRAM}",
    )

    with pytest.raises(TooHeavy, match="too many ways"):
        async with walking.walking(funnel(), SPAN) as walker:
            async for _ in walker.walked(histories()):
                pass


async def test_many_events_are_walked_through_apart_and_few_at_once(funnels, monkeypatch):
    people = [event for who in range(60) for event in funnels.story("A0 B1 C2", f"p{who}")]
    await funnels.happened(*people)
    by_itself = await funnels.ask("A", "B", "C", count_by="totals")
    begun = []
    monkeypatch.setattr(service, "FEW_EVENTS", 100)
    monkeypatch.setattr(service, "walking", lambda *asked: begun.append(asked) or walking.walking(*asked))

    assert await funnels.ask("A", "B", "C", count_by="totals") == by_itself
    assert await funnels.counts("A", "B", "C", count_by="totals") == [60, 60, 60]
    assert len(begun) == 2
