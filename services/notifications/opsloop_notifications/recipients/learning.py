"""What is learned of people from what is said of them elsewhere: whose word goes over whose. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsloop_common.contracts.users import TRAITS
from opsloop_notifications.recipients.rules import NO_GROUND, UNCLAIMED, AddressState, require_askable

DOUBLE_OPT_IN = "double opt-in"

BY_HAND = "api"
"""Where what somebody put comes from."""
VISITOR, USER, SERVER, OWNER = "visitor", "user", "server", "owner"
_RANKS = {VISITOR: 0, USER: 1, SERVER: 2, OWNER: 3}
_TRAITS_RANK = 4
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Teller:
    """Who says something of a person, and when. `by`: a server of the customer's or a partner's; the person themselves, signed in;
    whoever visits a page; or who owns the mailbox, which they showed by answering from it.
    """

    source: str
    by: str
    at: datetime | None

    @property
    def rank(self) -> int:
        """Return whose word goes over whose: identified traits over all, then whoever showed that the address is theirs."""
        return _TRAITS_RANK if self.source == TRAITS and self.by == SERVER else _RANKS[self.by]

    @property
    def is_believed(self) -> bool:
        """Say whether an address of theirs may be written to."""
        return self.by in (SERVER, OWNER)

    def goes_over(self, other: Teller) -> bool:
        """Say whether their word replaces another's: a higher one does, of the same rank a newer one.

        One partner's does not replace another's, however new.
        """
        if self.rank != other.rank:
            return self.rank > other.rank
        if self.rank == _RANKS[SERVER] and self.source != other.source:
            return False
        return (self.at or _FIRST) >= (other.at or _FIRST) or self.at is None

    def document(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {"source": self.source, "by": self.by, "at": self.at and self.at.isoformat()}


def teller_of(kept: Mapping[str, Any]) -> Teller:
    """Return a teller as it was kept."""
    return Teller(kept["source"], kept["by"], kept["at"] and datetime.fromisoformat(kept["at"]))


def heard(present: Mapping[str, Any], said: Mapping[str, str], teller: Teller) -> dict[str, Any]:
    """Return what changes of a person (as columns) by what somebody says: email, locale and name, as far as it says them.

    What somebody put stays, and of such a person nothing is learned but a claim, which stands beside. An address is written to
    where a server says it; a claim never replaces a confirmed one, nor what somebody put.
    """
    changes: dict[str, Any] = {}
    learned = dict(present["learned"])
    if not present["is_by_hand"]:
        for name in ("locale", "name"):
            if name in said and _gives_way(present, name, teller):
                changes[name], learned[name] = said[name], teller.document()
    if "email" in said:
        changes |= _address(present, said["email"], teller, learned)
    if learned != present["learned"]:
        changes["learned"] = learned
    return changes


def _gives_way(present: Mapping[str, Any], name: str, teller: Teller) -> bool:
    if present[name] is None:
        return True
    kept = present["learned"].get(name)
    return kept is not None and teller.goes_over(teller_of(kept))


def _address(present: Mapping[str, Any], email: str, teller: Teller, learned: dict[str, Any]) -> dict[str, Any]:
    kept = present["learned"].get("email")
    if email == present["email"]:
        if kept is None or not teller.goes_over(teller_of(kept)):
            return {}
        learned["email"] = teller.document()
        is_known = teller.is_believed and present["state"] == AddressState.UNCONFIRMED
        return {"state": AddressState.CONFIRMED} if is_known else {}
    if not present["is_by_hand"] and _is_free(present, kept, teller):
        learned["email"] = teller.document()
        state = AddressState.CONFIRMED if teller.is_believed else AddressState.UNCONFIRMED
        return {"email": email, "state": state, **NO_GROUND, **_left_beside(present, email, teller)}
    if teller.is_believed or _is_claimed(present):
        return {}
    if present["claim"] is not None and not teller.goes_over(teller_of(present["claim"])):
        return {}
    return {"claimed_email": email, "claim": teller.document()}


def _is_claimed(present: Mapping[str, Any]) -> bool:
    """Say whether the address that is kept is itself what a browser says."""
    kept = present["learned"].get("email")
    return kept is not None and not teller_of(kept).is_believed


def _left_beside(present: Mapping[str, Any], email: str, teller: Teller) -> Mapping[str, Any]:
    """Return what stands beside an address that replaces another: the one that was only claimed until a server said this one."""
    if teller.is_believed and present["email"] is not None and _is_claimed(present):
        return {"claimed_email": present["email"], "claim": present["learned"]["email"]}
    return UNCLAIMED if present["claimed_email"] == email else {}


def _is_free(present: Mapping[str, Any], kept: Mapping[str, Any] | None, teller: Teller) -> bool:
    """Say whether the address that is kept gives way to another."""
    if present["email"] is None:
        return True
    is_confirmed = present["state"] == AddressState.CONFIRMED
    if kept is None:
        return not is_confirmed
    other = teller_of(kept)
    if not is_confirmed and present["state"] != AddressState.UNCONFIRMED and teller.source != other.source:
        return True  # it bounced, or its owner complained
    return teller.goes_over(other) and (teller.is_believed or not is_confirmed)


def may_take_over(present: Mapping[str, Any]) -> bool:
    """Say whether a claimed address may become the person's once its owner says yes.

    That shows whose the mailbox is, and not who they are: over an address that is there only the person, signed in, may claim another.
    """
    claim = present["claim"]
    return claim is not None and (present["email"] is None or claim["by"] == USER)


def address_to_ask(present: Mapping[str, Any], asked_at: datetime | None, now: datetime) -> str:
    """Return the address whose owner is asked whether it is theirs; raises Conflict (409) where none is to be asked now."""
    is_asked_first = present["email"] is not None and present["state"] == AddressState.UNCONFIRMED
    if not is_asked_first and may_take_over(present):
        require_askable(AddressState.UNCONFIRMED, present["claimed_email"], asked_at, now)
        return str(present["claimed_email"])
    require_askable(present["state"], present["email"], asked_at, now)
    return str(present["email"])


def owned(present: Mapping[str, Any], email: str, now: datetime) -> dict[str, Any] | None:
    """Return what changes (as columns) once the owner of a mailbox said that it is theirs; None where it is none of the person's."""
    ground = {"state": AddressState.CONFIRMED, "consent_source": DOUBLE_OPT_IN, "consent_at": now}
    if present["email"] == email:
        if present["state"] != AddressState.UNCONFIRMED:
            return {}
        return ground | _shown(present, present["learned"].get("email"), now)
    if present["claimed_email"] != email or not may_take_over(present):
        return None
    return {"email": email, **UNCLAIMED, **ground, **_shown(present, present["claim"], now)}


def _shown(present: Mapping[str, Any], kept: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    if kept is None:
        return {}
    owner = Teller(kept["source"], OWNER, now)
    return {"learned": {**present["learned"], "email": owner.document()}}
