"""Who a recipient is to others, and what is asked for by whom they are reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID, uuid5

from opsloop_common.errors import Conflict

CONFIRMATION_EVERY = timedelta(hours=1)
"""So seldom a person is asked whether an address is theirs: it may be somebody else's."""
_RECIPIENTS = UUID("6f1c2f0c-94a3-5a0e-9f57-0f6c1d0b7a11")

T = TypeVar("T")
Digests = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Topic → channel → how often its mails are gathered; what is not named is as the topic says."""
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


@dataclass(frozen=True)
class Said:
    """What one row of many says of a person. `fields`: email, locale, name, time_zone, as far as it names them.

    `consent`: how and since when somebody knows that the address is theirs. `wishes`: topic → whether it is wanted by mail.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    consent: tuple[str, datetime] | None = None
    wishes: Mapping[str, bool] = field(default_factory=dict)


NO_GROUND: Mapping[str, Any] = {"consent_source": None, "consent_at": None}
UNCLAIMED: Mapping[str, Any] = {"claimed_email": None, "claim": None}
NOBODY: Mapping[str, Any] = {
    **UNCLAIMED,
    "email": None,
    "state": AddressState.CONFIRMED,
    "locale": None,
    "name": None,
    "consent_source": None,
    "wanted": {},
    "is_by_hand": False,
    "learned": {},
}
"""What is known of somebody who is not."""


def merged(present: Mapping[str, Any], said: Said) -> tuple[dict[str, Any], bool]:
    """Return what a row changes of a person (as columns), and whether the address that is there stayed against it.

    An address without a ground is unconfirmed, and replaces no confirmed one. No ground mends one that bounced or
    complained. What a person said of a topic stays; a row speaks for those who said nothing. Who was heard of goes on following
    what is heard, unless the row names an address or a language.
    """
    changes = {name: value for name, value in said.fields.items() if name != "email"}
    wanted = {topic: dict(channels) for topic, channels in present["wanted"].items()}
    for topic, is_on in said.wishes.items():
        wanted.setdefault(topic, {}).setdefault("email", is_on)
    email = said.fields.get("email", present["email"])
    address = _address(present, email, said.consent)
    is_by_hand = present["is_by_hand"] or not said.fields.keys().isdisjoint(("email", "locale"))
    named = changes | ({} if address is None or "email" not in said.fields else {"email": email})
    return (
        changes | {"wanted": wanted, "is_by_hand": is_by_hand} | (address or {}) | put(present, named),
        address is None,
    )


def put(present: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else changes when somebody puts fields of a person: these are not learned, and no claim beside them."""
    before = present.get("learned") or {}
    learned = {name: kept for name, kept in before.items() if name not in said}
    is_said = said.get("email") is not None and said["email"] == present.get("claimed_email")
    return {**({} if learned == before else {"learned": learned}), **(UNCLAIMED if is_said else {})}


def _address(
    present: Mapping[str, Any], email: str | None, consent: tuple[str, datetime] | None
) -> dict[str, Any] | None:
    source, at = consent or (None, None)
    ground = {"email": email, "consent_source": source, "consent_at": at}
    if email is None:
        return {"email": None, "state": AddressState.CONFIRMED, "consent_source": None, "consent_at": None}
    if email == present["email"]:
        is_new = consent is not None and (present["state"], present["consent_source"]) != (
            AddressState.CONFIRMED,
            source,
        )
        is_new = is_new and present["state"] in (AddressState.UNCONFIRMED, AddressState.CONFIRMED)
        return ground | {"state": AddressState.CONFIRMED} if is_new else {}
    if consent is not None:
        return ground | {"state": AddressState.CONFIRMED}
    if present["email"] is not None and present["state"] == AddressState.CONFIRMED:
        return None
    return ground | {"state": AddressState.UNCONFIRMED}


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


def only_off(wanted: Wanted) -> dict[str, dict[str, bool]]:
    """Return of what a person said what they do not want."""
    off: dict[str, dict[str, bool]] = {
        topic: {channel: on for channel, on in channels.items() if not on} for topic, channels in wanted.items()
    }
    return {topic: channels for topic, channels in off.items() if channels}


def over(before: Mapping[str, Mapping[str, T]], said: Mapping[str, Mapping[str, T]]) -> dict[str, dict[str, T]]:
    """Return what was said before by topic and channel, with what is said now in its place."""
    merged = {topic: dict(channels) for topic, channels in before.items()}
    for topic, channels in said.items():
        merged[topic] = merged.get(topic, {}) | dict(channels)
    return merged


def require_askable(state: str, email: str | None, asked_at: datetime | None, now: datetime) -> None:
    """Raise Conflict (409) unless a person may be asked now whether their address is theirs."""
    if email is None:
        raise Conflict("There is no address to confirm.")
    if state != AddressState.UNCONFIRMED:
        raise Conflict(f"The address is {state}; only an unconfirmed one is asked for.")
    if asked_at is not None and now - asked_at < CONFIRMATION_EVERY:
        raise Conflict("The address was asked for within the hour; wait before asking again.")
