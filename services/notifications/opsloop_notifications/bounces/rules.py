"""What a report about a mail means for its address. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from opsloop_notifications.mail.rules import bounces

SOFT_BOUNCES = 5
"""So many mails that came back for what may pass, within SOFT_DAYS, are an address that takes none."""
SOFT_DAYS = 14
DETAIL_CHARACTERS = 500
_STATE = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")  # RFC 3463
_SAYS_NOTHING = re.compile(r"[245]\.0\.0")
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other", "opt-out"})


class Kind(StrEnum):
    """`hard`: there is no such mailbox. `soft`: this mail did not arrive, another may. `complaint`: the person called it spam."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"


class Source(StrEnum):
    """Who said so: a delivery status notification, a feedback report, or a provider's own words."""

    DSN = "dsn"
    ARF = "arf"
    PROVIDER = "provider"


@dataclass(frozen=True)
class Fate:
    """What a delivery report says of one recipient: `Action`, `Status` and `Diagnostic-Code` of RFC 3464."""

    action: str
    status: str
    diagnostic: str = ""

    @property
    def state(self) -> str | None:
        """Return the status of RFC 3463; where it says nothing, what the server is quoted with."""
        said = _STATE.search(self.status)
        quoted = _STATE.search(self.diagnostic)
        if said is None or (_SAYS_NOTHING.fullmatch(said[1]) and quoted is not None):
            said = quoted or said
        return None if said is None else said[1]

    @property
    def is_failed(self) -> bool:
        """Say whether the mail will not arrive; `delayed` may, `delivered`, `relayed` and `expanded` did as far as is known."""
        return self.action.strip().lower() == "failed"


def kind_of(fates: Sequence[Fate]) -> Kind | None:
    """Return what a delivery report means; None where nothing failed.

    Behind one address there may be several, so it is hard only where each of them is not there.
    """
    if not any(fate.is_failed for fate in fates):
        return None
    is_hard = all(fate.is_failed and bounces(f"550 {fate.state}") for fate in fates)
    return Kind.HARD if is_hard else Kind.SOFT


def is_complaint(feedback: str) -> bool:
    """Say whether a feedback report's type is one; `not-spam` and `auth-failure` are not."""
    return feedback.strip().lower() in _COMPLAINTS


def soft_since(now: datetime) -> datetime:
    """Return since when soft bounces count."""
    return now - timedelta(days=SOFT_DAYS)


def key(kind: Kind, *, notification_id: UUID | None, fingerprint: bytes, at: datetime) -> bytes:
    """Return by what a repeated report is known again: of a mail it counts once a kind, without one once a kind and moment."""
    of = str(notification_id) if notification_id is not None else f"{fingerprint.hex()} {at.isoformat()}"
    return sha256(f"{kind} {of}".encode()).digest()
