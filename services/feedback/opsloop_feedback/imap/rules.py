"""Decisions of fetching: where in a folder we are, which mails are next, and when a mailbox that failed is asked again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

WINDOW = 1_000
"""UIDs that are asked for at once: a folder has gaps, and a server's answer one line."""
AGAIN_MOST = timedelta(minutes=30)


class Failure(StrEnum):
    """Why a mailbox could not be fetched from."""

    BLOCKED_TARGET = "blocked_target"
    DNS = "dns"
    CONNECTION = "connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    SIGN_IN = "sign_in"
    FOLDER = "folder"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class Place:
    """Up to where a folder is fetched. Another `validity` means that its numbers name other mails (RFC 3501, 2.3.1.1)."""

    validity: int
    uid: int


def begin_at(known: Place | None, *, validity: int, next_uid: int) -> Place:
    """Return from where a folder is fetched: what lay there before a mailbox was set up stays unread by us.

    With other numbers than before it begins anew; what came already is known again by what it says.
    """
    if known is None:
        return Place(validity, max(0, next_uid - 1))
    return known if known.validity == validity else Place(validity, 0)


def windows(place: Place, next_uid: int) -> Iterable[tuple[int, int]]:
    """Yield ranges of UIDs, both ends included, that may hold mails after a place."""
    for first in range(place.uid + 1, next_uid, WINDOW):
        yield first, min(first + WINDOW, next_uid) - 1


def new_uids(found: Iterable[int], first: int, last: int) -> Sequence[int]:
    """Return the UIDs of an answer that were asked for, rising, each once; servers tell of others too."""
    return sorted({uid for uid in found if first <= uid <= last})


def again_in(failures: int) -> timedelta:
    """Return how long a mailbox rests after so many failures in a row."""
    return min(timedelta(minutes=2 ** min(failures, 10)), AGAIN_MOST)
