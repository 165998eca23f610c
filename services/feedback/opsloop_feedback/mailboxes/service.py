"""Use cases of mailboxes: create, change, and open what they are reached with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.errors import NotFound
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.resources import changing
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.mailboxes import queries
from opsloop_feedback.mailboxes.models import Mailbox as Mailbox
from opsloop_feedback.mailboxes.queries import fetched as fetched
from opsloop_feedback.mailboxes.queries import find_mailbox as find_mailbox
from opsloop_feedback.mailboxes.queries import get_mailbox as get_mailbox
from opsloop_feedback.mailboxes.queries import own_addresses as own_addresses
from opsloop_feedback.mailboxes.rules import require_change, require_setup

PASSWORD_PURPOSE = "password of a mailbox"  # noqa: S105 a name, no password
TOKEN_PURPOSE = "token of a mailbox"  # noqa: S105 a name, no password


async def create_mailbox(session: AsyncSession, fields: Mapping[str, Any], secrets: SecretBox) -> Mailbox:
    """Add a mailbox; raises Invalid (422), TooMany."""
    values = _stored(fields, secrets)
    require_setup(values["kind"], host=values.get("host"), has_password=values.get("sealed_password") is not None)
    await take_place(session, queries.ALL, most=limits.MAILBOXES_PER_WORKSPACE, what="mailboxes")
    return resources.create(session, Mailbox, token_number=1, **values)


async def change_mailbox(
    session: AsyncSession, mailbox_id: UUID, changes: Mapping[str, Any], *, expected: Precondition, secrets: SecretBox
) -> Mailbox:
    """Change a mailbox; raises NotFound, StaleVersion, Invalid (422). What `imap` leaves out stays."""
    mailbox = await queries.lock_mailbox(session, mailbox_id, expected)
    require_change(mailbox.kind, changes.get("imap", {}), host=mailbox.host)
    values = _stored(changes, secrets)
    is_sealed = mailbox.sealed_password is not None and "sealed_password" in values
    if is_sealed and password_of(mailbox, secrets) == changes["imap"]["password"]:
        del values["sealed_password"]  # sealed anew the same one would look like another
    with changing(session, mailbox, values):
        require_setup(mailbox.kind, host=mailbox.host, has_password=mailbox.sealed_password is not None)
    return mailbox


def _stored(fields: Mapping[str, Any], secrets: SecretBox) -> dict[str, Any]:
    values = dict(fields)
    imap = dict(values.pop("imap", None) or {})
    password = imap.pop("password", None)
    if password is not None:
        imap["sealed_password"] = secrets.seal(password.encode(), purpose=PASSWORD_PURPOSE)
    return values | imap


def password_of(mailbox: Mailbox, secrets: SecretBox) -> str:
    """Return the password of a mailbox that is fetched from."""
    return secrets.open(mailbox.sealed_password or "", purpose=PASSWORD_PURPOSE).decode()


async def rotate_token(session: AsyncSession, mailbox_id: UUID) -> Mailbox:
    """Let no token of a mailbox hold but the one that `token_of` makes now; raises NotFound."""
    mailbox = await queries.lock_mailbox(session, mailbox_id, ANY_VERSION)
    with changing(session, mailbox, {"token_number": mailbox.token_number + 1}, action="token_rotated"):
        return mailbox


async def delete_mailbox(session: AsyncSession, mailbox_id: UUID, *, expected: Precondition) -> None:
    """Throw a mailbox away; what came by it stays."""
    await resources.delete(session, await queries.lock_mailbox(session, mailbox_id, expected))


def token_of(mailbox: Mailbox, secrets: SecretBox) -> str:
    """Return what lets somebody bring mail to a mailbox."""
    said = [mailbox.workspace, str(mailbox.id), mailbox.token_number]
    return secrets.seal(orjson.dumps(said), purpose=TOKEN_PURPOSE)


def opened(token: str, secrets: SecretBox) -> tuple[str, UUID, int]:
    """Return workspace, mailbox and number that a token names; raises NotFound for what is none."""
    try:
        with reading():
            workspace, mailbox_id, number = orjson.loads(secrets.open(token, purpose=TOKEN_PURPOSE))
            return str(workspace), UUID(mailbox_id), int(number)
    except Unreadable as error:
        raise NotFound.of("mailbox", by="token") from error


async def require_taking(session: AsyncSession, mailbox_id: UUID, number: int) -> Mailbox:
    """Return the mailbox that a token is for; raises NotFound when it holds no longer, or the mailbox takes nothing."""
    mailbox = await queries.find_mailbox(session, mailbox_id)
    if mailbox is None or mailbox.token_number != number or not mailbox.enabled:
        raise NotFound.of("mailbox", by="token")
    return mailbox
