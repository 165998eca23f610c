"""HTTP shapes of mailboxes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import EmailAddress, InModel, OutModel, Timestamp, absent
from opsloop_common.invisible import comparable
from opsloop_feedback.mailboxes.rules import Kind, Security, is_host
from opsloop_feedback.shapes import Label


def _host(value: str) -> str:
    if not is_host(value):
        raise ValueError("must be a host such as imap.example.com")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable() or not comparable(value).strip():
        raise ValueError("must be one line of characters that can be seen")
    return value


Host = Annotated[str, StringConstraints(min_length=1, max_length=253), AfterValidator(_host)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=320), AfterValidator(_one_line)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class ImapIn(InModel):
    """How mail is fetched; it is left where it is."""

    host: Host
    port: Port = 993
    security: Security = Security.TLS
    user_name: Line
    password: Line
    folder: Line = "INBOX"


class ImapPatch(InModel):
    """What to change of that; what is left out stays."""

    host: Host = Field(default_factory=absent)
    port: Port = Field(default_factory=absent)
    security: Security = Field(default_factory=absent)
    user_name: Line = Field(default_factory=absent)
    password: Line = Field(default_factory=absent)
    folder: Line = Field(default_factory=absent)


class MailboxIn(InModel):
    """A mailbox: `webhook` is brought its mail by whoever holds its token, `imap` is fetched from every minute."""

    name: Label
    kind: Kind
    address: EmailAddress = Field(description="What people write to. What comes from it is taken for our own.")
    enabled: bool = True
    imap: ImapIn | None = None


class MailboxPatch(InModel):
    """What to change; fields left out stay."""

    name: Label = Field(default_factory=absent)
    address: EmailAddress = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)
    imap: ImapPatch = Field(default_factory=absent)


class ImapOut(OutModel):
    """How mail is fetched."""

    host: str
    port: int
    security: Security
    user_name: str
    folder: str


class MailboxOut(OutModel):
    """A mailbox."""

    id: UUID
    name: str
    kind: Kind
    address: str
    enabled: bool
    imap: ImapOut | None
    created_at: Timestamp
    updated_at: Timestamp


class MailboxWithTokenOut(MailboxOut):
    """A mailbox, with the path that mail is brought to. The path is a secret, and shown here alone."""

    mail_in_path: str
