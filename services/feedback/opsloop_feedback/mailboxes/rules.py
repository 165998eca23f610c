"""Decisions about mailboxes: how one is reached, and whether that goes together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from opsloop_common.errors import Invalid

SOURCE = "mail"
"""Who speaks where mail comes in: no key may take this name."""
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


class Kind(StrEnum):
    """Whether somebody brings the mail, or we fetch it."""

    WEBHOOK = "webhook"
    IMAP = "imap"


class Security(StrEnum):
    """TLS from the first byte, or from `STARTTLS` on. A password never goes without."""

    TLS = "tls"
    STARTTLS = "starttls"


def require_setup(kind: str, *, host: str | None, has_password: bool) -> None:
    """Raise Invalid (422) where a mailbox lacks what its kind needs, or has what it has no use for."""
    if kind == Kind.IMAP and host is None:
        raise Invalid("/imap", "is needed: host, user_name and password")
    if kind == Kind.IMAP and not has_password:
        raise Invalid("/imap/password", "is needed")
    if kind == Kind.WEBHOOK and host is not None:
        raise Invalid("/imap", "is for mailboxes of the kind imap")


def require_change(kind: str, imap: Mapping[str, object], *, host: str | None) -> None:
    """Raise Invalid (422) where a change gives a mailbox that is brought its mail a server, or a kept password to another host.

    Whoever may change a mailbox may not read its password: so it is not sent where that person says either.
    """
    if kind == Kind.WEBHOOK and imap:
        raise Invalid("/imap", "is for mailboxes of the kind imap")
    if imap.get("host", host) != host and "password" not in imap:
        raise Invalid("/imap/password", "is needed again where the host becomes another")


def is_host(text: str) -> bool:
    """Say whether a text is a plain host name, or an address of IPv4 or IPv6."""
    if ":" in text:
        return re.fullmatch(r"[0-9A-Fa-f:.]{2,45}", text) is not None
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))
