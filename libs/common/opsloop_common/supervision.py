"""Keep loops alive that run for ever, and wait out faults that pass: the one place where the house tries again.

A loop is a coroutine function that runs until it is cancelled. What it raises is logged, counted, and it is started again after
pauses that grow; once it ran for a while they begin anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from opsloop_common.faults import cancelled_only_from_outside, is_transient, reason

TROUBLE_SECONDS = 60.0
DRAIN_SECONDS = 20.0

log = structlog.get_logger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]
Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Pauses:
    """How long to wait after one failure, and at most after many; after faults that pass by themselves at most `passing`."""

    first: float = 0.5
    longest: float = 30.0
    passing: float = 4.0  # back soon after the database is
    steady: float = 60.0  # what ran this long begins again with the first pause

    def after(self, failures: int, *, passing: bool = False) -> float:
        """Return the pause after so many failures in a row: each is twice the one before."""
        pause = min(self.first * 2.0 ** min(failures - 1, 30), self.longest)
        return min(pause, self.passing) if passing else pause


USUAL = Pauses()
OF_THE_DATABASE = Pauses(first=0.2, longest=5.0)


@dataclass(frozen=True)
class _Trouble:
    began_at: float
    last_at: float


class LoopMeter:
    """What the loops of one service do: how often each was started again, and whether it stands still just now."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._restarts = Counter(
            "opsloop_loop_restarts", "Times a loop ended by a fault and was started again", ["loop"], registry=registry
        )
        self._down = Gauge("opsloop_loop_down", "1 while a loop waits to be started again", ["loop"], registry=registry)
        self._failing: dict[str, _Trouble] = {}

    def know(self, loop: str) -> None:
        """Show a loop from its first start on."""
        self._restarts.labels(loop)
        self._down.labels(loop).set(0)

    def failed(self, loop: str) -> None:
        """Take note that a loop stands still."""
        self._down.labels(loop).set(1)
        now, before = time.monotonic(), self._failing.get(loop)
        began_at = before.began_at if before is not None and now - before.last_at < TROUBLE_SECONDS else now
        self._failing[loop] = _Trouble(began_at, now)

    def restarts(self, loop: str) -> None:
        """Count that a loop is started again."""
        self._restarts.labels(loop).inc()
        self._down.labels(loop).set(0)

    def in_trouble(self) -> list[str]:
        """Return the loops that have failed again and again for a minute and until now."""
        now = time.monotonic()
        return [
            loop
            for loop, trouble in self._failing.items()
            if trouble.last_at - trouble.began_at >= TROUBLE_SECONDS > now - trouble.last_at
        ]


async def supervise(
    name: str,
    loop: Loop,
    *,
    pauses: Pauses = USUAL,
    meter: LoopMeter | None = None,
    stop: asyncio.Event | None = None,
    on_failure: Callable[[Exception], None] | None = None,
) -> None:
    """Run `loop` for ever; with `stop`, until that is set: this ends when the loop then does, or at once between two runs.

    `on_failure` hears of each fault before the pause.
    """
    meter = meter or LoopMeter(CollectorRegistry())
    meter.know(name)
    failures = 0
    while stop is None or not stop.is_set():
        began = time.monotonic()
        passing = False
        try:
            with cancelled_only_from_outside():
                await loop()
            if stop is not None and stop.is_set():
                return
            log.warning("loop ended by itself, starting it again", loop=name)
        except Exception as error:  # noqa: BLE001 whatever a loop raises, it goes on: this is the place that sees to it
            passing = is_transient(error)
            _tell(name, error, passing=passing)
            if on_failure is not None:
                on_failure(error)
        failures = 1 if time.monotonic() - began > pauses.steady else failures + 1
        meter.failed(name)
        await _sleep(pauses.after(failures, passing=passing), stop)
        meter.restarts(name)


def _tell(name: str, error: Exception, *, passing: bool) -> None:
    if passing:
        log.warning("loop waits", loop=name, error=reason(error))
    else:
        log.error("loop failed, starting it again", loop=name, exc_info=error)


async def _sleep(seconds: float, stop: asyncio.Event | None) -> None:
    if stop is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


@asynccontextmanager
async def supervised(
    loops: Mapping[str, Loop],
    *,
    pauses: Pauses = USUAL,
    meter: LoopMeter | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> AsyncIterator[None]:
    """Run loops for the length of the block; at its end they are cancelled and have 20 s to finish what they have in hand."""
    tasks = [
        asyncio.create_task(supervise(name, loop, pauses=pauses, meter=meter), name=name)
        for name, loop in loops.items()
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=drain_seconds)
            for task in stuck:
                log.warning("loop does not stop", loop=task.get_name())


async def patiently(
    what: str,
    work: Callable[[], Awaitable[Result]],
    *,
    pauses: Pauses = OF_THE_DATABASE,
    passing: Callable[[BaseException], bool] = is_transient,
    for_seconds: float | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Result:
    """Return what `work` returns, however long its fault takes to pass; what does not pass by itself is raised at once.

    With `for_seconds` the last fault is raised after that time.
    """
    failures, began = 0, time.monotonic()
    while True:
        try:
            return await work()
        except Exception as error:  # which faults pass, `passing` says; the others are raised
            late = for_seconds is not None and time.monotonic() - began > for_seconds
            if late or not passing(error):
                raise
            if failures == 0:
                log.warning("waiting", what=what, error=reason(error))
        failures += 1
        await sleep(pauses.after(failures))
