"""What a copy of an event may still say after people were erased whom it names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased

_SAID: dict[str, Any] = {
    "traits": {},
    "email": None,
    "locale": None,
    "full_name": None,
    "claim": None,
    "title": "",
    "body": "",
}
"""What events say of the one person they are about, and how nothing is said instead."""


def without(event: Event, user_ids: Collection[str]) -> Event | None:
    """Return an event that says nothing of people, valid as before and about nobody; None where it says nothing of them now.

    That they were erased it may say: others still have to hear it.
    """
    if event.type == UserErased.type:
        return None
    data: dict[str, Any] = dict(event.data)
    link = event.link
    if data.get("user_id") in user_ids:
        data |= {name: nothing for name, nothing in _SAID.items() if name in data} | {"user_id": _nobody(event)}
        link = None  # which may be where the person was found
    if isinstance(author := data.get("author"), dict) and author.get("user_id") in user_ids:
        data["author"] = author | {"user_id": None}
    if isinstance(named := data.get("user_ids"), list):
        data["user_ids"] = [each for each in named if each not in user_ids]
    return None if data == event.data else event.model_copy(update={"data": data, "link": link})


def is_about_nobody(event: Event) -> bool:
    """Say whether an event was about one person, who was taken out of it: it keeps its place, and there is nothing to do about it."""
    return event.data.get("user_id") == _nobody(event)


def _nobody(event: Event) -> str:
    return f"erased-{event.id}"
