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


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self.timeout = asyncio.timeout(seconds)
        self.is_over = False
        """A task that was begun in the block may outlive it, and looks here too."""
        self.holders = 0
        """So many blocks hold the clock, in tasks side by side or within one another."""
        self.left = 0.0
        """Seconds that were left when the first of them stopped it."""


_running: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


class Late(TimeoutError):
    """The deadline of the whole has passed; what was under way was given up, and its connection with it."""


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Give the block so long, without the time for which the clock stands; raises Late."""
    deadline = _Deadline(seconds)
    before = _running.set(deadline)
    try:
        async with deadline.timeout:
            yield
    except TimeoutError as error:
        if deadline.timeout.expired():
            raise Late from error
        raise
    finally:
        deadline.is_over = True
        _running.reset(before)


@contextmanager
def stopped() -> Iterator[None]:
    """Stop the clock for the length of the block, if one is running here; it goes on when nobody holds it any more."""
    deadline = _running.get()
    if deadline is None or deadline.is_over or deadline.timeout.expired():
        yield
        return
    clock = asyncio.get_running_loop().time
    if until := deadline.timeout.when():
        deadline.left = until - clock()
        deadline.timeout.reschedule(None)
    deadline.holders += 1
    try:
        yield
    finally:
        deadline.holders -= 1
        if not deadline.holders and not deadline.is_over:
            deadline.timeout.reschedule(clock() + deadline.left)
