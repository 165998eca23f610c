"""A relay in a process of its own, to be killed: `python -m opsloop_common.testing.relay_process URL [BOOTSTRAP PREFIX]`."""

from __future__ import annotations

import asyncio
import os
import sys

from opsloop_common import failpoints
from opsloop_common.bus.kafka import KafkaBus
from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.port import Bus
from opsloop_common.clock import SystemClock
from opsloop_common.db import Database
from opsloop_common.outbox.relay import Relay
from opsloop_common.settings import Settings
from opsloop_common.testing.sample.service import SAMPLE


async def main(url: str, bootstrap: str = "", prefix: str = "") -> None:
    """Relay the sample service's outbox until killed."""
    database = Database(url, service=SAMPLE.name, clock=SystemClock())
    bus: Bus = LocalBus({SAMPLE.name: database})
    if bootstrap:
        settings = Settings(kafka_bootstrap=bootstrap, kafka_prefix=prefix, kafka_session_timeout_ms=6_000)
        bus = KafkaBus(settings, SAMPLE, producers=[SAMPLE.name])
    async with Relay(database, bus).running():
        await asyncio.Event().wait()


async def run_until_killed(failpoint: str, *arguments: str, seconds: float = 60.0) -> None:
    """Run this module in a process that dies at `failpoint`; fails when it does not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "opsloop_common.testing.relay_process",
        *arguments,
        env=os.environ | {failpoints.VARIABLE: failpoint},
    )
    try:
        async with asyncio.timeout(seconds):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != -9:
        raise AssertionError(f"the relay was to die at {failpoint} and ended with {code}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
