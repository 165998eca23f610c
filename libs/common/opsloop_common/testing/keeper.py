"""What ends a run of the tests: `python -m opsloop_common.testing.keeper FOLDER…`, started by `testing.run`."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

ALIVE = "alive"
GRACE_SECONDS = 10.0


def keep(folders: Sequence[Path]) -> None:
    """Wait until the run is over, then end the processes that it left and remove its folders.

    The system frees the run's lock when the process that began it is gone, however it went.
    """
    with (folders[0] / ALIVE).open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
    # PostgreSQL takes SIGINT for: end the sessions and stop; killed, it would leave shared memory behind
    for signum, seconds in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        left = processes_of(folders)
        for process in left:
            with suppress(psutil.Error):
                process.send_signal(signum)
        deadline = time.monotonic() + seconds
        # one that has ended and that nobody has waited for yet works no more: so this asks again who works
        while left and time.monotonic() < deadline and (left := processes_of(folders)):
            time.sleep(0.05)
    if not os.environ.get("OPSLOOP_KEEP"):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def processes_of(folders: Sequence[Path]) -> list[psutil.Process]:
    """Return the processes that work for a run: they have its folder as TMPDIR, or one of its folders in their command."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _works_in(process, folders)]


def _works_in(process: psutil.Process, folders: Sequence[Path]) -> bool:
    try:
        if process.environ().get("TMPDIR") == str(folders[0]):
            return True
        return any(str(folder) in word for folder in folders for word in process.cmdline())
    except psutil.Error:  # gone meanwhile, or another user's
        return False


if __name__ == "__main__":
    keep([Path(word) for word in sys.argv[1:]])
