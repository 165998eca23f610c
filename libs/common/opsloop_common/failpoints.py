"""Named places where a fault test strikes.

`OPSLOOP_FAILPOINT=relay.after_publish:3` kills the process at the third passing, `due.metrics.evaluate:raise:50` raises at the
first fifty.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "OPSLOOP_FAILPOINT"


class Struck(Exception):
    """A fail-point was told to raise."""


def hit(name: str) -> None:
    """Strike when the environment names this place: kill this very process (SIGKILL) at the nth passing, or raise until then."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    place, _, left = wanted.partition(":")
    if place != name:
        return
    if left.startswith("raise:"):
        _raise(name, int(left.removeprefix("raise:")))
        return
    if int(left or 1) <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
    os.environ[VARIABLE] = f"{place}:{int(left) - 1}"


def _raise(name: str, left: int) -> None:
    if left > 0:
        os.environ[VARIABLE] = f"{name}:raise:{left - 1}"
        raise Struck(name)
