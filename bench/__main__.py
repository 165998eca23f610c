"""`python -m bench`: measure everything, or one section, and print a table; about half an hour on two quiet cores."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop

from bench import (
    anomalies,
    capture,
    commands,
    deliveries,
    drain,
    end_to_end,
    endpoints,
    fairness,
    inboxes,
    insights,
    intake,
    mails,
    monitors,
    process,
    segments,
)
from bench.report import Line, machine, save, show
from bench.world import all_in_one, databases, four_processes, scratch_folder, started
from opsloop_common.testing import run
from opsloop_common.testing.kafka import NoBroker, running_broker


@dataclass(frozen=True)
class Effort:
    """How long each closed loop runs, and how often everything is repeated."""

    seconds: float
    rounds: int


@contextmanager
def broker() -> Iterator[str | None]:
    """Give a real broker's address, or None and the reason on stderr when none can be had."""
    try:
        with running_broker() as running:
            yield running.bootstrap
    except NoBroker as reason:
        say(f"no Kafka broker, its lines are left out: {reason}")
        yield None


async def measure_intake(effort: Effort, folder: Path) -> list[Line]:
    """Posts a second beside the bare route."""
    with databases() as made:
        return await intake.measure(made, folder, seconds=effort.seconds, rounds=effort.rounds)


async def measure_end_to_end(effort: Effort, folder: Path) -> list[Line]:
    """Request to webhook, in one process and in four."""
    with end_to_end.receiver(folder) as sink:
        async with started(all_in_one(folder)) as deployment:
            lines = await end_to_end.measure(deployment, sink, bootstrap=None)
        with broker() as bootstrap:
            if bootstrap is None:
                return lines
            with databases() as made:
                async with four_processes(made, folder, bootstrap) as deployment:
                    return lines + await end_to_end.measure(deployment, sink, bootstrap=bootstrap)


async def measure_capture(effort: Effort, folder: Path) -> list[Line]:
    """Events a second beside bare inserts."""
    with databases() as made:
        return await capture.measure(made, folder, seconds=effort.seconds, rounds=effort.rounds)


async def measure_insights(effort: Effort, folder: Path) -> list[Line]:
    """What analysts ask, beside SQL by hand and PostgreSQL."""
    with databases() as made:
        return await insights.measure(made, folder, rounds=effort.rounds)


async def measure_segments(effort: Effort, folder: Path) -> list[Line]:
    """A segment over a million people, beside one statement: once, whatever the effort."""
    with databases() as made:
        return await segments.measure(made, folder)


async def measure_monitors(effort: Effort, folder: Path) -> list[Line]:
    """A thousand monitors over a million events, and the board; a phase is twelve loops long."""
    return await monitors.measure(folder, seconds=12 * effort.seconds)


async def measure_drain(effort: Effort, folder: Path) -> list[Line]:
    """How fast a full outbox empties."""
    with broker() as bootstrap, databases() as made:
        return await drain.measure(made, bootstrap, rounds=effort.rounds)


async def measure_deliveries(effort: Effort, folder: Path) -> list[Line]:
    """Webhooks a second."""
    with databases() as made:
        return await deliveries.measure(made, folder, seconds=effort.seconds, rounds=effort.rounds)


async def measure_endpoints(effort: Effort, folder: Path) -> list[Line]:
    """First attempts at many endpoints, and beside one that hangs: once; a phase is two loops long."""
    return await endpoints.measure(folder, seconds=2 * effort.seconds)


async def measure_backlog(effort: Effort, folder: Path) -> list[Line]:
    """A hundred thousand deliveries that wait: once, whatever the effort."""
    with databases() as made:
        return await deliveries.drain(made, folder)


async def measure_inboxes(effort: Effort, folder: Path) -> list[Line]:
    """A thousand inboxes that are watched."""
    return await inboxes.measure(folder)


async def measure_mails(effort: Effort, folder: Path) -> list[Line]:
    """Mails a second."""
    with databases() as made:
        return await mails.measure(made, folder, seconds=effort.seconds, rounds=effort.rounds)


async def measure_process(effort: Effort, folder: Path) -> list[Line]:
    """Start-up and memory of the all-in-one."""
    deployment = all_in_one(folder)
    try:
        return await process.start_up(deployment) + await process.memory(deployment)
    finally:
        await deployment.close()


async def measure_commands(effort: Effort, folder: Path) -> list[Line]:
    """Processor time of the commands."""
    async with started(all_in_one(folder)) as deployment:
        return await commands.measure(deployment)


async def measure_anomalies(effort: Effort, folder: Path) -> list[Line]:
    """Which anomalies are told, of those that are known: once, whatever the effort."""
    return await asyncio.to_thread(anomalies.measure)


async def measure_fairness(part: fairness.Part, effort: Effort, folder: Path) -> list[Line]:
    """A healthy workspace alone and beside ten greedy ones: once, whatever the effort."""
    return await part(folder)


Section = Callable[[Effort, Path], Awaitable[list[Line]]]
SECTIONS: dict[str, Section] = {
    "intake": measure_intake,
    "capture": measure_capture,
    "insights": measure_insights,
    "segments": measure_segments,
    "monitors": measure_monitors,
    "end-to-end": measure_end_to_end,
    "drain": measure_drain,
    "deliveries": measure_deliveries,
    "deliveries.endpoints": measure_endpoints,
    "deliveries.backlog": measure_backlog,
    "inboxes": measure_inboxes,
    "mails": measure_mails,
    "process": measure_process,
    "commands": measure_commands,
    "anomalies": measure_anomalies,
    **{name: partial(measure_fairness, part) for name, part in fairness.PARTS.items()},
}


def say(text: str) -> None:
    """Tell how far it is, beside the table."""
    print(text, file=sys.stderr, flush=True)


async def measure(names: list[str], effort: Effort) -> list[Line]:
    """Run the sections one after the other, each in a folder and on a PostgreSQL of its own."""
    lines: list[Line] = []
    for name in names:
        began = time.monotonic()
        with scratch_folder() as folder:
            lines += await SECTIONS[name](effort, folder)
        say(f"{name}: {time.monotonic() - began:.0f} s")
    return lines


def _is_wanted(name: str, given: list[str]) -> bool:
    return not given or any(name == one or name.startswith(f"{one}.") for one in given)


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", help=f"this section only; may be given again: {', '.join(SECTIONS)}")
    parser.add_argument("sections", nargs="*", help="the same; `fairness` stands for all whose names begin so")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each closed loop (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each comparison is repeated (default 3)")
    parser.add_argument("--save", type=Path, help="also keep the figures in this file, as JSON")
    given = parser.parse_args()
    asked = [*(given.only or ()), *given.sections]
    if unknown := [one for one in asked if not any(_is_wanted(name, [one]) for name in SECTIONS)]:
        parser.error(f"no section of that name: {', '.join(unknown)}")
    wanted = [name for name in SECTIONS if _is_wanted(name, asked)]
    begun = run.begin()  # whatever ends this, nothing that it started or wrote stays
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            lines = runner.run(measure(wanted, Effort(given.seconds, given.rounds)))
        print(f"{machine()}; median of {given.rounds} rounds of {given.seconds:g} s\n\n{show(lines)}", flush=True)
        if given.save:
            save(lines, given.save)
    finally:
        begun.end()


if __name__ == "__main__":
    main()
