"""Why a folder or a disk cannot be used, in one line: what the system says, of what, and what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opsloop_common.embedded_postgres.account import PostgresFailed

_MAKE_ROOM = "Make room on its disk, or set OPSLOOP_DATA_DIR to a folder on another one."
_ANOTHER = "Set OPSLOOP_DATA_DIR to a folder that the user who runs OpsLoop may write to, or give this one the right (chown, chmod)."
_SHORT_WRITE = "Check free disk space"  # PostgreSQL's hint when a part of a page found room
_SHORTER = "Set OPSLOOP_DATA_DIR to a shorter path."
_ADVICE = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EROFS: _ANOTHER,
    errno.EACCES: _ANOTHER,
    errno.EPERM: _ANOTHER,
    errno.ENAMETOOLONG: _SHORTER,
}


@contextmanager
def told_in_words(folder: Path) -> Iterator[None]:
    """Raise PostgresFailed for what the system refuses within the block, about the file that it names, else `folder`."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "Set OPSLOOP_DATA_DIR to another folder.")
        raise PostgresFailed(f"{error.filename or folder}: {error.strerror or error}. {advice}") from error


def why_it_ended(what: str, said: str, folder: Path) -> PostgresFailed:
    """Return why one of PostgreSQL's programs failed: in one line when it is what the system refused it, else with its last words."""
    for number, advice in _ADVICE.items():
        reason = os.strerror(number)
        if reason in said or (number == errno.ENOSPC and _SHORT_WRITE in said):
            return PostgresFailed(f"{what}: {folder}: {reason}. {advice}")
    return PostgresFailed(f"{what}; it said last:\n{said.strip()}")
