"""Tests that measure time have the machine to themselves: beside another worker's load they would say more of that than of us."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEASURED = "measured"


@contextmanager
def quiet_while(folder: Path, *, measured: bool) -> Iterator[None]:
    """Hold the run's workers apart for the block: a measured one runs alone, others run beside each other.

    Whoever waits to be alone holds the turnstile, so that no new test begins meanwhile.
    """
    with (folder / "turnstile.lock").open("wb") as turnstile, (folder / "quiet.lock").open("wb") as quiet:
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        fcntl.flock(quiet, fcntl.LOCK_EX if measured else fcntl.LOCK_SH)
        fcntl.flock(turnstile, fcntl.LOCK_UN)
        yield
