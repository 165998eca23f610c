"""What the commands cost that people wait for, beside the all-in-one that they ask."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys

from bench.report import Line
from tests.harness import Deployment

GOAL_SECONDS = 0.8
ROUNDS = 3
COMMANDS = (
    ("--help",),
    ("status",),
    ("keys", "create", "--name", "bench", "--scopes", "feedback:read"),
    ("events", "tail"),
    ("events", "parked"),
)


async def measure(deployment: Deployment) -> list[Line]:
    """Run each command some times and tell the least processor time: the neighbours' load is not its fault."""
    return [await asyncio.to_thread(_line, deployment, arguments) for arguments in COMMANDS]


def _line(deployment: Deployment, arguments: tuple[str, ...]) -> Line:
    seconds = min(_cpu_seconds(deployment, arguments) for _ in range(ROUNDS))
    goal = f"≤ {GOAL_SECONDS} s"
    what = f"opsloop {' '.join(arguments[:2])}"
    return Line("commands", what, f"{seconds:.2f} s CPU", "", seconds / GOAL_SECONDS, goal, seconds <= GOAL_SECONDS)


def _cpu_seconds(deployment: Deployment, arguments: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = deployment.processes["opsloop"].environment
    subprocess.run(
        [sys.executable, "-m", "opsloop", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
