"""Named places where a fault test kills the process: `OPSLOOP_FAILPOINT=relay.after_publish:3` dies at the third passing."""

from __future__ import annotations

import os
import signal

VARIABLE = "OPSLOOP_FAILPOINT"


def hit(name: str) -> None:
    """Kill this very process (SIGKILL) when the environment names this place and it is passed for the nth time."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    place, _, left = wanted.partition(":")
    if place != name:
        return
    if int(left or 1) <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
    os.environ[VARIABLE] = f"{place}:{int(left) - 1}"
