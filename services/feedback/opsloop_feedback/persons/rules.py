"""By what people are known, what is suggested of them, and who may be joined with whom: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from opsloop_common.errors import Conflict, TooMany

GROUP = 100
"""People that one stands for."""
SUGGESTED = 10
"""With how many others somebody is suggested who comes in by one address: strangers may write one address a thousand times."""
ASKED = 50
"""People whose posts are asked for at once: each may stand for a whole group."""
_ID, _MAIL = "id:", "mail:"


class Reason(StrEnum):
    """Why two are suggested to be one: they give one address, or somebody says to be the other and nobody vouches for it."""

    SAME_EMAIL = "same_email"
    CLAIMED_USER_ID = "claimed_user_id"


class Post(Protocol):
    """A post, as far as its author is concerned."""

    @property
    def author_user_id(self) -> str | None: ...

    @property
    def author_email(self) -> str | None: ...

    @property
    def author_name(self) -> str | None: ...

    @property
    def author_verified(self) -> bool: ...

    @property
    def source(self) -> str: ...

    @property
    def channel(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...

    @property
    def number(self) -> int: ...


class Member(Protocol):
    """Somebody, as far as joining is concerned."""

    @property
    def id(self) -> UUID: ...

    @property
    def merged_into_id(self) -> UUID | None: ...

    @property
    def joined_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Appearance:
    """Somebody came in by a source and channel, known by an id or an address, which is vouched for or claimed."""

    known_by: str
    is_verified: bool
    source: str
    channel: str
    email: str

    @property
    def person(self) -> tuple[str, bool]:
        """Return of whom there is one: what is claimed is never one with what is vouched for."""
        return self.known_by, self.is_verified


def appearances(posts: Iterable[Post]) -> dict[Appearance, Post]:
    """Return how authors came in, and in which post first; who is not named at all is nobody."""
    found: dict[Appearance, Post] = {}
    for post in sorted(posts, key=lambda post: (post.created_at, post.number)):
        email = (post.author_email or "").lower()
        known_by = called_by(post.author_user_id, email)
        if known_by is not None:
            found.setdefault(Appearance(known_by, post.author_verified, post.source, post.channel, email), post)
    return found


def called_by(user_id: str | None, email: str) -> str | None:
    """Return by what somebody is known: their id, else their address."""
    if user_id is not None:
        return _ID + user_id
    return _MAIL + email if email else None


def user_id_of(known_by: str | None) -> str | None:
    """Return the id by which somebody is known, None where it is an address or forgotten."""
    return known_by.removeprefix(_ID) if known_by is not None and known_by.startswith(_ID) else None


def email_of(known_by: str | None) -> str | None:
    """Return the address by which somebody is known, None where it is an id or forgotten."""
    return known_by.removeprefix(_MAIL) if known_by is not None and known_by.startswith(_MAIL) else None


def require_apart(source: Member, target: Member) -> None:
    """Raise Conflict (409) unless both stand for themselves; it says who stands for the one that does not."""
    for member, what in ((source, "This person"), (target, "The person to merge into")):
        if member.merged_into_id is not None:
            raise Conflict(f"{what} was merged into another.", extra={"merged_into": str(member.merged_into_id)})


def require_room(members: int) -> None:
    """Raise TooMany (409) when one would stand for more than it may."""
    if members > GROUP:
        raise TooMany(f"One person stands for at most {GROUP} others.")


def below(person_id: UUID, members: Iterable[Member]) -> set[UUID]:
    """Return who of a group was joined to one, to those, and so on."""
    children: dict[UUID | None, list[UUID]] = {}
    for member in members:
        children.setdefault(member.joined_id, []).append(member.id)
    found: set[UUID] = set()
    ahead = [person_id]
    while ahead:
        new = [each for each in children.get(ahead.pop(), ()) if each not in found]
        found.update(new)
        ahead.extend(new)
    return found
