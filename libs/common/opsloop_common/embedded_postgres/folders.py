"""Files and folders on a machine with other users: nothing is opened, owned or removed through a link that one of them laid.

Root works here in folders that belong to the server's user. Each is opened as what it is (never through a link), its owner is
looked at on the open descriptor, and everything in it is reached from that descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from opsloop_common.embedded_postgres.account import Account, PostgresFailed

LINKS_FOLLOWED = 40
WRITTEN_BY_ROOT_BEFORE = "server.log"
"""What earlier releases wrote as root among the server's own files."""


def require_own_way(path: Path, *, end: Path | None = None) -> None:
    """Refuse a path on which somebody besides us and root could put another folder in place of ours; raises PostgresFailed.

    `end` is the folder it leads to when that one has an owner of its own, which is looked at elsewhere.
    """
    trusted = {0, os.geteuid()}
    for step in _steps(path):
        if step == end:
            continue
        try:
            found = step.lstat()
        except FileNotFoundError:
            return
        if found.st_uid not in trusted:
            raise PostgresFailed(
                f"{step} belongs to another user (number {found.st_uid}), who could put something else in its place. "
                "Give it back to yourself or root (chown), or set OPSLOOP_DATA_DIR to a folder below ones that are "
                "(for root: /var/lib/opsloop)."
            )
        if not stat.S_ISLNK(found.st_mode) and _others_may_replace(found):
            raise PostgresFailed(
                f"{step} may be written by other users, who could put something else in place of OpsLoop's data. "
                "Take that right away (chmod go-w), or set OPSLOOP_DATA_DIR to another folder."
            )


def _steps(path: Path) -> Iterator[Path]:
    """Yield every folder and link that the system passes on the way to `path`, also those that links lead over."""
    whole = Path.cwd() / path
    here = Path(whole.anchor)
    left = list(reversed(whole.parts[1:]))
    links = 0
    yield here
    while left:
        part = left.pop()
        if part == "..":
            here = here.parent
            continue
        yield (step := here / part)
        if not step.is_symlink():
            here = step
            continue
        links += 1
        if links > LINKS_FOLLOWED:
            raise PostgresFailed(f"{path}: too many links. Set OPSLOOP_DATA_DIR to another folder.")
        target = step.readlink()
        if target.is_absolute():
            here = Path(target.anchor)
        left.extend(reversed([name for name in target.parts if name != target.anchor]))


def _others_may_replace(found: os.stat_result) -> bool:
    """Say whether others may rename what lies in a folder. A group of an ordinary user is mostly its own; root's has no others."""
    if found.st_mode & stat.S_ISVTX:
        return False
    by_group = os.geteuid() == 0 and found.st_gid != 0 and bool(found.st_mode & stat.S_IWGRP)
    return by_group or bool(found.st_mode & stat.S_IWOTH)


def closed_to_others(path: Path) -> Path | None:
    """Return the first folder on the way to `path` that other users cannot enter, or None."""
    for folder in [*reversed(path.parents), path]:
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


@contextmanager
def opened(folder: Path | str, *, inside: int | None = None) -> Iterator[int]:
    """Open a folder that is one, not a link to one: raises PostgresFailed, or FileNotFoundError when there is nothing."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inside)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):  # Linux and macOS say it differently
            raise
        raise PostgresFailed(f"{folder} is a link or a file, not a folder: remove it.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def names(descriptor: int) -> list[str]:
    """Return what lies in an open folder, in the order of names."""
    with os.scandir(descriptor) as entries:
        return sorted(entry.name for entry in entries)


def make_private(folder: Path, account: Account) -> None:
    """Make a folder that is the account's alone, when it is missing; raises PostgresFailed when it is there and somebody else's."""
    try:
        folder.mkdir(mode=0o700)
        made = True
    except FileExistsError:
        made = False
    with opened(folder) as descriptor:
        owner = os.fstat(descriptor).st_uid
        if made and owner == os.geteuid() != account.uid:
            os.fchown(descriptor, account.uid, account.gid)
        elif owner != account.uid:
            raise PostgresFailed(_foreign(folder, owner))
        os.fchmod(descriptor, 0o700)


def _foreign(path: Path, owner: int) -> str:
    return (
        f"{path} belongs to user {owner}, PostgreSQL would run as another one. Start OpsLoop as it was started before "
        f"(OPSLOOP_POSTGRES_USER={owner} as root), or give the files away with chown -R while it does not run."
    )


def owner_of(path: Path) -> int | None:
    """Return the number of the owner of a file or folder itself, not of what a link leads to; None when there is none."""
    try:
        return path.lstat().st_uid
    except FileNotFoundError:
        return None


def read(folder: Path, name: str, owners: Collection[int]) -> bytes | None:
    """Return what a small file says when it is a plain file of one of the owners; None when it is missing or anything else."""
    descriptor = _open_plain(folder, name, os.O_RDONLY, owners)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def overwrite(folder: Path, name: str, text: str, owners: Collection[int]) -> None:
    """Write over a small file that is a plain file of one of the owners; anything else is left alone."""
    descriptor = _open_plain(folder, name, os.O_WRONLY, owners)
    if descriptor is None:
        return
    with os.fdopen(descriptor, "w") as file:
        os.ftruncate(descriptor, 0)
        file.write(text)


def _open_plain(folder: Path, name: str, flags: int, owners: Collection[int]) -> int | None:
    try:
        with opened(folder) as inside:
            descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
    except (OSError, PostgresFailed):
        return None
    if _is_plain(os.fstat(descriptor), owners):
        return descriptor
    os.close(descriptor)  # a folder, too, can be opened to be read
    return None


def replace(folder: Path, name: str, text: str, account: Account) -> None:
    """Put a file of the account's in a folder, in place of whatever has that name."""
    aside = f"{name}.opsloop"
    with opened(folder) as inside:
        if aside in names(inside):
            os.unlink(aside, dir_fd=inside)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=inside)
        with os.fdopen(descriptor, "w") as file:
            if os.geteuid() != account.uid:
                os.fchown(descriptor, account.uid, account.gid)
            file.write(text)
        os.rename(aside, name, src_dir_fd=inside, dst_dir_fd=inside)


def _is_plain(found: os.stat_result, owners: Collection[int]) -> bool:
    """Say whether this is an ordinary file of one of the owners with no second name elsewhere."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid in owners


def take_over(folder: Path, account: Account, before: Collection[int], *, last: str) -> None:
    """Give a whole folder, and nothing else, to the account; raises PostgresFailed when it holds what `before` did not own.

    Each folder changes hands before it is looked into, so that its former owner can no longer lay anything there. `last` is the
    file that changes hands in the end: as long as it has its former owner, this was not finished.
    """
    owners = {*before, account.uid}
    with opened(folder) as inside:
        _take_over(inside, folder, account, owners, skipped=last)
        _give(inside, folder, last, account, owners)


def _take_over(inside: int, shown: Path, account: Account, owners: Collection[int], *, skipped: str = "") -> None:
    if os.fstat(inside).st_uid not in owners:
        raise PostgresFailed(_foreign(shown, os.fstat(inside).st_uid))
    os.fchown(inside, account.uid, account.gid)
    os.fchmod(inside, 0o700)
    for name in names(inside):
        found = os.stat(name, dir_fd=inside, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            with opened(name, inside=inside) as below:
                _take_over(below, shown / name, account, owners)
        elif name == WRITTEN_BY_ROOT_BEFORE:
            os.unlink(name, dir_fd=inside)
        elif name != skipped:
            _give(inside, shown, name, account, owners)


def _give(inside: int, shown: Path, name: str, account: Account, owners: Collection[int]) -> None:
    if not _is_plain(os.stat(name, dir_fd=inside, follow_symlinks=False), owners):
        raise PostgresFailed(
            f"{shown / name} is not a plain file of PostgreSQL's: a link, or somebody else's. Look at it, and remove it."
        )
    os.chown(name, account.uid, account.gid, dir_fd=inside, follow_symlinks=False)
