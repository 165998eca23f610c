"""Start-up and memory of the all-in-one, PostgreSQL included."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil

from bench.intake import body
from bench.load import closed_loop
from bench.report import Line
from tests.harness import OPERATOR_KEY, Deployment

IDLE_GOAL_MB = 300
IDLE_SECONDS = 60.0


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process and all below it, in MB."""
    parent = psutil.Process(pid)
    total = 0
    for process in [parent, *parent.children(recursive=True)]:
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def bare_start_seconds() -> float:
    """Return how long Python takes to import what any FastAPI service with SQLAlchemy imports."""
    began = time.monotonic()
    command = [sys.executable, "-c", "import fastapi, sqlalchemy.ext.asyncio, asyncpg, uvicorn, pydantic"]
    subprocess.run(command, check=True)
    return time.monotonic() - began


async def start_up(deployment: Deployment) -> list[Line]:
    """Start an empty all-in-one, stop it, start it again; leave it running."""
    lines = []
    process = deployment.processes["opsloop"]
    for what in ("first start (database made and migrated)", "next start"):
        baseline = bare_start_seconds()
        began = time.monotonic()
        process.start()
        await deployment.ready()
        took = time.monotonic() - began
        lines.append(
            Line(
                "start-up",
                what,
                f"{took:.1f} s until all four are ready",
                f"bare imports {baseline:.1f} s",
                took / baseline,
            )
        )
        if what != "next start":
            process.terminate()
    return lines


async def memory(deployment: Deployment) -> list[Line]:
    """Read the memory after a minute of idling, and again under load."""
    pid = deployment.processes["opsloop"].pid
    await asyncio.sleep(IDLE_SECONDS)
    idle = pss_mb(pid)
    reading: list[float] = []

    async def read() -> None:
        for _ in range(10):
            await asyncio.sleep(1)
            reading.append(pss_mb(pid))

    load, _ = await asyncio.gather(
        closed_loop(
            f"{deployment.urls['feedback']}/v1/feedback",
            body,
            headers={"Authorization": f"Bearer {OPERATOR_KEY}"},
            clients=8,
            seconds=11,
        ),
        read(),
    )
    goal = f"≤ {IDLE_GOAL_MB} MB"
    return [
        Line(
            "memory",
            f"PSS after {IDLE_SECONDS:.0f} s idle",
            f"{idle:.0f} MB",
            "",
            idle / IDLE_GOAL_MB,
            goal,
            idle <= IDLE_GOAL_MB,
        ),
        Line(
            "memory",
            f"PSS at {load.rate:,.0f} posts/s",
            f"{max(reading):.0f} MB",
            f"idle {idle:.0f} MB",
            max(reading) / idle,
        ),
        Line(
            "intake",
            "all-in-one, the whole loop running behind, 8 connections",
            f"{load.rate:,.0f}/s, p99 {load.p99:.1f} ms",
            "",
        ),
    ]
