"""Settings of the notifications service."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

import idna
from pydantic import Field, field_validator, model_validator

from opsloop_common.mailboxes import read_mailbox
from opsloop_common.settings import Settings
from opsloop_notifications.dkim.rules import DOMAIN, SELECTOR
from opsloop_notifications.returns.rules import LOCAL_CHARACTERS


class NotificationsSettings(Settings):
    """What this service reads besides the common settings."""

    mail_from: str = Field(default="OpsLoop <opsloop@localhost>", max_length=320)
    """Who mails are from (`OPSLOOP_MAIL_FROM`); its domain stands in their Message-ID."""
    mail_return: str | None = Field(default=None, max_length=254)
    """The mailbox that gets what cannot be delivered (`OPSLOOP_MAIL_RETURN`), by a sub-address a mail: `bounces+…@example.com`."""
    dkim_keys: str = Field(default="", max_length=4_000)
    """What mails are signed with (`OPSLOOP_DKIM_KEYS`): `selector=/path/of/key.pem`, several by commas."""
    dkim_domain: str | None = None
    """Whom they are signed for (`OPSLOOP_DKIM_DOMAIN`), if it is not the domain of `OPSLOOP_MAIL_FROM`."""
    event_retention_days: int = Field(default=30, ge=15, le=3650)
    """How long the event log, ended deliveries and ended notifications are kept; longer than the bus's 14 days, within which
    an event may come again."""

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        read_mailbox(value)
        return value

    @field_validator("mail_return")
    @classmethod
    def _mailbox(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name, address = read_mailbox(value)
        local = address.rpartition("@")[0]
        if name or not address.isascii() or len(local) > LOCAL_CHARACTERS:
            raise ValueError(
                f"must look like bounces@example.com, with up to {LOCAL_CHARACTERS} characters before the @"
            )
        return address

    @field_validator("dkim_keys")
    @classmethod
    def _dkim_keys(cls, value: str) -> str:
        for number, (selector, file) in enumerate(_named(value), 1):
            if not (SELECTOR.fullmatch(selector) and file):
                raise ValueError(f"entry {number} is not like selector=/path/of/key.pem")
        if len({selector for selector, _ in _named(value)}) < len(_named(value)):
            raise ValueError("two keys have one selector")
        return value

    @model_validator(mode="after")
    def _signs_for_its_own(self) -> Self:
        if self.dkim_keys and not DOMAIN.fullmatch(self.dkim_signs_for):
            raise ValueError("OPSLOOP_DKIM_KEYS: OPSLOOP_DKIM_DOMAIN must be a domain such as example.com")
        ours, theirs = f".{self.dkim_signs_for}", f".{self._from_domain}"
        if self.dkim_keys and not (ours.endswith(theirs) or theirs.endswith(ours)):
            # DMARC asks for a signature of whom the mail says that it is from
            raise ValueError("OPSLOOP_DKIM_DOMAIN: must be the domain of OPSLOOP_MAIL_FROM, or one above or below it")
        return self

    @property
    def named_dkim_keys(self) -> list[tuple[str, str]]:
        """Return selector and file of each key."""
        return _named(self.dkim_keys)

    @property
    def dkim_signs_for(self) -> str:
        """Return the domain that mails are signed for."""
        return (self.dkim_domain or self._from_domain).lower()

    @property
    def _from_domain(self) -> str:
        domain = read_mailbox(self.mail_from)[1].rpartition("@")[2].lower()
        return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()

    @property
    def events_kept(self) -> timedelta:
        """Return how long events and what came of them are kept."""
        return timedelta(days=self.event_retention_days)


def _named(keys: str) -> list[tuple[str, str]]:
    entries = [entry.strip().partition("=") for entry in keys.split(",") if entry.strip()]
    return [(selector, file) for selector, _, file in entries]
