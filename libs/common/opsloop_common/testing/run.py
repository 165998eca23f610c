"""One run of the tests: the folder that its workers share, and its end.

Whatever a test starts or writes carries the folder in its environment (TMPDIR). A keeper (`testing.keeper`) waits for the end of the
process that began the run, and tidies up then, also after Ctrl-C or kill -9.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from opsloop_common.testing.keeper import ALIVE, GRACE_SECONDS

RUN, QUICK = "OPSLOOP_TEST_RUN", "OPSLOOP_TEST_RUN_QUICK"
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 what a test database writes is never read again after the run
MEMORY_NEEDED_BYTES = 4 * 1024**3
OPEN_TO_ALL = 0o1777  # PostgreSQL runs as another user when the tests run as root


@dataclass
class Run:
    """A run that this process began."""

    folder: Path
    alive: IO[bytes]
    keeper: subprocess.Popen[bytes]

    def end(self) -> None:
        """Let the keeper tidy up, and wait for it."""
        self.alive.close()
        self.keeper.wait(timeout=3 * GRACE_SECONDS)


def begin() -> Run:
    """Begin a run: from now on, temporary files of this process and of those that it starts are in the run's folder."""
    folder = Path(tempfile.mkdtemp(prefix="opsloop-tests-"))
    folder.chmod(OPEN_TO_ALL)
    alive = (folder / ALIVE).open("wb")
    fcntl.flock(alive, fcntl.LOCK_EX)
    quick = _quick_folder(folder)
    command = [sys.executable, "-m", "opsloop_common.testing.keeper", str(folder), str(quick)]
    keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    os.environ |= {"TMPDIR": str(folder), RUN: str(folder), QUICK: str(quick)}
    tempfile.tempdir = None  # it is looked up once and kept
    return Run(folder, alive, keeper)


def shared_folder() -> Path:
    """Return the folder of the run that this process works in."""
    return Path(os.environ[RUN])


def quick_folder() -> Path:
    """Return the run's folder for what is never read again: in memory where there is room for it."""
    return Path(os.environ[QUICK])


def _quick_folder(folder: Path) -> Path:
    # asked once a run: what another worker would choose later, when there is more room or less, nobody would remove
    if MEMORY_FOLDER.is_dir() and shutil.disk_usage(MEMORY_FOLDER).free > MEMORY_NEEDED_BYTES:
        return MEMORY_FOLDER / folder.name
    return folder


@contextmanager
def taking_turns(lock_file: Path) -> Iterator[None]:
    """Keep the run's other workers out of the block. The system frees the lock of a worker that dies."""
    with lock_file.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
