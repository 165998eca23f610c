"""What a post says of how its author is reached, and how far its word goes: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from opsloop_common.contracts.users import FEEDBACK, ContactClaim, UserContactChanged, is_mailbox, mailbox_user_id

_CONTACTS = UUID("b2f6a0f4-2a86-5d0e-9d0f-5a6e0d8c1f27")
END_USERS = "users"
"""The source of what end users post with tokens of their own, which no key may take."""


class SaidBy(StrEnum):
    """Whose word it is: who holds a secret key, or is a person here; the author themselves, signed in; whoever visits a page."""

    SERVER = "server"
    USER = "user"
    VISITOR = "visitor"


@dataclass(frozen=True, slots=True)
class Word:
    """How an author is reached, who says so in which post, and when it was said."""

    user_id: str
    source: str
    said_by: SaidBy
    email: str
    locale: str | None
    full_name: str | None
    said_at: datetime
    feedback_id: UUID

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what there is one word of: what one source says of one person."""
        return self.user_id, self.source, self.said_by

    def event(self, workspace: str) -> UserContactChanged:
        """Return what is told of it; what a browser says is a claim."""
        about: dict[str, Any] = {
            "contact_id": contact_id(workspace, self.user_id),
            "user_id": self.user_id,
            "source": f"{FEEDBACK}{self.source}",
            "said_at": self.said_at,
        }
        said = {"email": self.email, "locale": self.locale, "full_name": self.full_name}
        if self.said_by is SaidBy.SERVER:
            return UserContactChanged(**about, **said)
        return UserContactChanged(**about, claim=ContactClaim(by=self.said_by.value, **said))


def contact_id(workspace: str, user_id: str) -> UUID:
    """Return by what an author's stream is called: no name."""
    return uuid5(_CONTACTS, workspace + chr(0) + user_id)


def word_of(row: Mapping[str, Any]) -> Word | None:
    """Return what a new post (`intake.rules.new_row`) says of its author, None when nothing that could be used.

    Of whom only the address is known is called by that. A post that was said tomorrow is no newer than one of now. What looks like
    the name of a mailbox names the mailbox itself, or nobody.
    """
    email, user_id = row["author_email"], row["author_user_id"]
    if email is None:
        return None
    mailbox = mailbox_user_id(row["workspace"], email)
    if user_id is not None and is_mailbox(user_id) and user_id != mailbox:
        return None
    return Word(
        user_id=mailbox if user_id is None else user_id,
        source=row["source"],
        said_by=_said_by(row),
        email=email,
        locale=row["locale"],
        full_name=row["author_name"],
        said_at=min(row["occurred_at"], row["created_at"]),
        feedback_id=row["id"],
    )


def _said_by(row: Mapping[str, Any]) -> SaidBy:
    if row["source"] == END_USERS:
        return SaidBy.USER
    return SaidBy.SERVER if row["author_verified"] else SaidBy.VISITOR


def newest(words: Iterable[Word]) -> list[Word]:
    """Return the newest of each key, in their order; a name or language that it leaves out is that of the one before."""
    found: dict[tuple[str, str, str], Word] = {}
    for word in sorted(words, key=lambda word: word.said_at):
        before = found.get(word.key, word)
        found[word.key] = replace(
            word, locale=word.locale or before.locale, full_name=word.full_name or before.full_name
        )
    return [found[key] for key in sorted(found)]
