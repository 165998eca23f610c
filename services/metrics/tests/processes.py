"""A module of these tests as a process of its own, which may be told where to die."""

from __future__ import annotations

import asyncio
import os
import sys

from opsloop_common.failpoints import VARIABLE


async def run_module(module: str, *arguments: str, failpoint: str | None, seconds: float) -> tuple[int, str]:
    """Run a module with arguments for at most so many seconds; returns its code and what it printed last."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=environment | ({VARIABLE: failpoint} if failpoint else {}),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = printed.decode().splitlines()
    return process.returncode or 0, lines[-1] if lines else ""
