"""A module of these tests as a process of its own, which may be told where to die."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from opsloop_common.failpoints import VARIABLE
from tests.forks import Forked


async def run_module(module: str, *arguments: str, failpoint: str | None, seconds: float) -> tuple[int, str]:
    """Run a module with arguments for at most so many seconds; returns its code and what it printed last."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    with NamedTemporaryFile() as log:
        process = Forked(
            [sys.executable, "-m", module, *arguments],
            environment | ({VARIABLE: failpoint} if failpoint else {}),
            Path(log.name),
        )
        try:
            code = await asyncio.to_thread(process.wait, seconds)
        finally:
            process.kill()
        lines = log.read().decode().splitlines()
    return code, lines[-1] if lines else ""
