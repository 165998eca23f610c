"""What a message says of how a person is reached: pure decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue

from opsloop_common.invisible import says_something
from opsloop_common.mailboxes import address_flaw
from opsloop_metrics.capture.rules import Heard, is_nobody


class Means(StrEnum):
    """What is handed on: all that mail needs. Numbers of telephones and zones stay traits, as nobody would use them."""

    EMAIL = "email"
    LOCALE = "locale"
    NAME = "full_name"


_NAMES = {
    Means.EMAIL: ("email", "$email", "邮箱"),
    Means.LOCALE: ("locale", "$locale", "language", "$language"),
    Means.NAME: ("name", "$name", "姓名"),
}
"""Under which traits clients write it; the first that says something counts."""
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}")
MAX_TAG = 35
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Said:
    """A value, whom it is of, and when it was said by the clock of events."""

    user_id: str
    means: Means
    value: str
    at: datetime

    @property
    def key(self) -> tuple[str, Means]:
        """Return what there is one value of."""
        return self.user_id, self.means


def newest(block: Iterable[tuple[Heard, UUID | None]]) -> dict[tuple[str, Means], Said]:
    """Return what a block's messages say last; each comes with its person, None where it is refused.

    Only what the customer's own servers say of a user counts: a key that stands in a page is anybody's, and an address is where
    mail goes.
    """
    found: dict[tuple[str, Means], Said] = {}
    for heard, person_id in block:
        if person_id is not None and heard.may_merge_identified and heard.message.is_identified:
            for said in _said(heard):
                known = found.get(said.key)
                if known is None or said.at >= known.at:
                    found[said.key] = said
    return found


def _said(heard: Heard) -> Iterable[Said]:
    traits, user_id = heard.message.traits_set, heard.message.distinct_id
    if not traits or is_nobody(user_id):
        return
    for means, names in _NAMES.items():
        values = (_read(means, traits.get(name)) for name in names)
        if (value := next(filter(None, values), None)) is not None:
            yield Said(user_id, means, value, heard.time)


def _read(means: Means, value: JsonValue) -> str | None:
    """Return a value as it is used, None for what is none."""
    if not isinstance(value, str):
        return None
    value = value.strip()
    if means is Means.EMAIL:
        return value if value and address_flaw(value) is None else None
    if means is Means.NAME:
        return value if len(value) <= MAX_NAME and value.isprintable() and says_something(value) else None
    tag = re.split(r"[.@]", value[: MAX_TAG + 1])[0].replace("_", "-")
    return tag if len(value) <= MAX_TAG and _TAG.fullmatch(tag) else None
