"""Who a recipient is to others, and what is asked for by whom they are reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from opsloop_common.errors import Conflict

CONFIRMATION_EVERY = timedelta(hours=1)
"""So seldom a person is asked whether an address is theirs: it may be somebody else's."""
_RECIPIENTS = UUID("6f1c2f0c-94a3-5a0e-9f57-0f6c1d0b7a11")

Wanted = Mapping[str, Mapping[str, bool]]
"""Topic → channel → whether it is wanted; what is not named is as the topic says."""


class AddressState(StrEnum):
    """What is known of an address. `unconfirmed`: somebody says it is theirs, and only a question about that goes there."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


def person_id(workspace: str, user_id: str) -> UUID:
    """Return the id of a person that links, events and the audit log carry: always the same, and no name."""
    return uuid5(_RECIPIENTS, workspace + chr(0) + user_id)


def state_after(present: str | None, email: str | None, new_email: str | None, said: str | None) -> str:
    """Return the state of an address that is put: as said; else as it was for the same one, and confirmed for another."""
    if said is not None:
        return said
    return present if present is not None and email == new_email else AddressState.CONFIRMED


def left_out(before: Wanted, after: Wanted) -> list[tuple[str, str]]:
    """Return the (topic, channel) pairs that are not wanted any more, in order."""
    return sorted(
        (topic, channel)
        for topic, channels in after.items()
        for channel, is_on in channels.items()
        if not is_on and before.get(topic, {}).get(channel) is not False
    )


def without_channel(before: Wanted, topic: str, channel: str) -> dict[str, dict[str, bool]]:
    """Return what is wanted when one topic is not on one channel."""
    copied = {name: dict(channels) for name, channels in before.items()}
    return copied | {topic: copied.get(topic, {}) | {channel: False}}


def require_askable(state: str, email: str | None, asked_at: datetime | None, now: datetime) -> None:
    """Raise Conflict (409) unless a person may be asked now whether their address is theirs."""
    if email is None:
        raise Conflict("There is no address to confirm.")
    if state != AddressState.UNCONFIRMED:
        raise Conflict(f"The address is {state}; only an unconfirmed one is asked for.")
    if asked_at is not None and now - asked_at < CONFIRMATION_EVERY:
        raise Conflict("The address was asked for within the hour; wait before asking again.")
