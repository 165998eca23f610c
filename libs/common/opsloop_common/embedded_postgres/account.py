"""The user of the operating system that the server runs as: never root, never one that others share."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

NOBODY = 65534
PREFERRED = "opsloop"
DEDICATED = 60853
"""Of the numbers that neither distributions, systemd nor containers hand out (60706 to 61183), and within a container's first 65536."""
RUN_BY_EARLIER_RELEASES = frozenset({NOBODY, DEDICATED})


class PostgresFailed(Exception):
    """The embedded PostgreSQL cannot run here; the text says what to change."""


@dataclass(frozen=True)
class Account:
    """A user and group; `name` is None when the system knows the number only."""

    uid: int
    gid: int
    name: str | None = None

    def as_popen(self) -> dict[str, object]:
        """Return what makes subprocess start a program as this account; nothing when we are it already."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(wanted: str | None = None) -> Account:
    """Return who the server runs as: ourselves, or as root the wanted user, else `opsloop`, else a number that is nobody's.

    Raises PostgresFailed for a user that does not exist, may not be used, or cannot be switched to.
    """
    if os.geteuid() != 0:
        return _ourselves(wanted)
    if wanted is not None:
        return _unshared(_named(wanted) or _numbered(wanted))
    return _named(PREFERRED) or _dedicated()


def initialising_account(server: Account) -> Account:
    """Return who runs initdb, which asks for its own user's name: `nobody` in the server's own group when the server has none.

    With a group of its own no other process of `nobody` can enter a folder that is opened to the group, nor look into this one:
    the kernel asks for the same user and the same group.
    """
    if server.name is not None:
        return server
    try:
        name = pwd.getpwuid(NOBODY).pw_name
    except KeyError:
        raise PostgresFailed(
            f"Run by root, PostgreSQL needs a user of its own. Create one (useradd --system {PREFERRED}) and start again."
        ) from None
    return Account(NOBODY, server.gid, name)


def name_of_owner() -> str:
    """Return the name of the user who runs OpsLoop: the only one the server lets in."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise PostgresFailed(
            f"User {os.geteuid()} has no name on this system (no entry in /etc/passwd): PostgreSQL cannot tell who connects. "
            "Run OpsLoop as a user that has one."
        ) from None


def _ourselves(wanted: str | None) -> Account:
    account = Account(os.geteuid(), os.getegid(), name_of_owner())
    if wanted not in (None, account.name, str(account.uid)):
        raise PostgresFailed("Only root can run PostgreSQL as another user: unset OPSLOOP_POSTGRES_USER.")
    return account


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _numbered(text: str) -> Account:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise PostgresFailed(f"OPSLOOP_POSTGRES_USER: there is no such user. Create it (useradd --system {PREFERRED}).")
    number = int(text)
    try:
        entry = pwd.getpwuid(number)
    except KeyError:
        return Account(number, number)
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _unshared(account: Account) -> Account:
    if account.uid in (0, NOBODY):
        raise PostgresFailed(
            "OPSLOOP_POSTGRES_USER is root or nobody: PostgreSQL needs a user whose files and processes are its alone."
        )
    return account


def _dedicated() -> Account:
    for known, what in ((pwd.getpwuid, "user"), (grp.getgrgid, "group")):
        try:
            known(DEDICATED)
        except KeyError:
            continue
        raise PostgresFailed(
            f"PostgreSQL would run as user {DEDICATED}, but this system has a {what} of that number. "
            f"Create a user for it (useradd --system {PREFERRED}), or name one with OPSLOOP_POSTGRES_USER."
        )
    return Account(DEDICATED, DEDICATED)
