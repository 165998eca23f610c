"""The data directory: whose it is right now, where things lie in it, and the two secrets made at first start."""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from opsloop_common.embedded_postgres.folders import require_own_way
from opsloop_common.embedded_postgres.reasons import told_in_words

LOCK_FILE = "lock"
SECRET_KEY_FILE = "secret.key"  # noqa: S105 a file name
OPERATOR_KEY_FILE = "operator.key"
OPERATOR_KEY_PREFIX = "opl_operator_"


class DataDirBusy(Exception):
    """Another process works on this data directory; the text says which, and what to do."""


class NothingHere(Exception):
    """The data directory was never used; the text says what to do."""


@dataclass(frozen=True)
class Holder:
    """Who holds a data directory, and where it answers (empty until it listens)."""

    pid: int
    url: str = ""


@dataclass(frozen=True)
class Secret:
    """A secret and whether this very call made it."""

    value: str
    is_new: bool


def postgres_dir(data_dir: Path) -> Path:
    """Return where PostgreSQL's own files lie."""
    return data_dir / "postgres"


def require_used(data_dir: Path) -> None:
    """Raise NothingHere unless there is an OpsLoop."""
    with told_in_words(data_dir):
        is_used = (postgres_dir(data_dir) / "PG_VERSION").exists()
    if not is_used:
        raise NothingHere(f"There is no OpsLoop below {data_dir.absolute()} yet. Start one: opsloop up")


class Hold:
    """An exclusive hold on a data directory, for as long as the process lives; the kernel lets go when it dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def publish(self, holder: Holder) -> None:
        """Write down for `opsloop status` who this is and where it answers."""
        text = orjson.dumps(asdict(holder))
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))


@contextmanager
def held(data_dir: Path) -> Iterator[Hold]:
    """Hold the data directory, made when it is missing; raises DataDirBusy when another process does.

    Raises PostgresFailed when it cannot be written to, and when other users of the machine could put something else in its place.
    """
    with told_in_words(data_dir):
        require_own_way(data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirBusy(_busy_text(data_dir)) from None
        hold = Hold(descriptor)
        with told_in_words(data_dir / LOCK_FILE):
            hold.publish(Holder(pid=os.getpid()))
        yield hold
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder_of(data_dir: Path) -> Holder | None:
    """Return who holds the data directory right now, or None."""
    with told_in_words(data_dir):
        try:
            descriptor = os.open(data_dir / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        text = os.read(descriptor, 4096)
        return Holder(**orjson.loads(text)) if text else Holder(pid=0)
    finally:
        os.close(descriptor)


def _busy_text(data_dir: Path) -> str:
    holder = holder_of(data_dir) or Holder(pid=0)
    who = f"process {holder.pid}" if holder.pid else "another process"
    where = f", answering at {holder.url}" if holder.url else ""
    return (
        f"OpsLoop already runs on {data_dir.resolve()} ({who}{where}). "
        "Stop it first, or give this one a directory of its own with OPSLOOP_DATA_DIR."
    )


def secret_key(data_dir: Path) -> Secret:
    """Return the key that secrets are sealed with, made at first use."""
    return _secret(data_dir / SECRET_KEY_FILE, lambda: secrets.token_urlsafe(48))


def operator_key(data_dir: Path) -> Secret:
    """Return the operator's API key, made at first use."""
    return _secret(data_dir / OPERATOR_KEY_FILE, lambda: OPERATOR_KEY_PREFIX + secrets.token_urlsafe(32))


def _secret(path: Path, make: Callable[[], str]) -> Secret:
    with told_in_words(path):
        return _kept_or_made(path, make)


def _kept_or_made(path: Path, make: Callable[[], str]) -> Secret:
    try:
        return Secret(path.read_text().strip(), is_new=False)
    except FileNotFoundError:
        pass
    value = make()
    # written aside and renamed, so that a kill in between leaves no half key; mkstemp files are 0600
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(aside).rename(path)
    return Secret(value, is_new=True)
