"""One deadline for all that a request waits for its database: each wait has its own besides, and a dozen of those add up.

Behind a network that took 0.9 s for each answer, a keyed post was answered after 10.8 s, with none of its twelve waits too long.

The clock runs from the request's begin to its end, and stands only for what may last by right and needs no connection
(`stopped`): a body that comes slowly, a share of the connections, a turn at the loop, the issuer of tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_running: ContextVar[asyncio.Timeout | None] = ContextVar("deadline", default=None)


class Late(TimeoutError):
    """The deadline of the whole has passed; what was under way was given up, and its connection with it."""


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Give the block so long, without the time for which the clock stands; raises Late."""
    timeout = asyncio.timeout(seconds)
    before = _running.set(timeout)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if timeout.expired():
            raise Late from error
        raise
    finally:
        _running.reset(before)


@contextmanager
def stopped() -> Iterator[None]:
    """Stop the clock for the length of the block, if one is running here."""
    timeout = _running.get()
    until = timeout.when() if timeout is not None else None
    if timeout is None or until is None or timeout.expired():
        yield
        return
    loop = asyncio.get_running_loop()
    left = until - loop.time()
    timeout.reschedule(None)
    try:
        yield
    finally:
        timeout.reschedule(loop.time() + left)
