"""Use cases of channels: create, change, and open what they are called with."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.documents import read_document, write_document
from opsloop_common.errors import Invalid
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.resources import changing
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.channels import queries
from opsloop_notifications.channels.models import Channel as Channel
from opsloop_notifications.channels.queries import find_channel as find_channel
from opsloop_notifications.channels.queries import get_channel as get_channel
from opsloop_notifications.channels.rules import ChannelStatus
from opsloop_notifications.endpoints.rules import checked_url, without_path
from opsloop_notifications.formats.rules import language_for
from opsloop_notifications.headers.rules import with_changes
from opsloop_notifications.ways.rules import Kind, Setup, new_keys, rate_of, require_setup

URL_PURPOSE = "address of a channel"
SECRET_PURPOSE = "secret of a channel"  # noqa: S105 a name, no password
HEADERS_PURPOSE = "headers of a channel"
PLAIN = ("kind", "name", "language", "sms", "rate_limit")


async def create_channel(
    session: AsyncSession, fields: Mapping[str, Any], *, policy: AddressPolicy, secrets: SecretBox
) -> Channel:
    """Add a channel; one of Web Push gets a key pair of its own. Raises Invalid (422), TooMany."""
    has = {f"has_{name}": bool(fields[name]) for name in ("url", "secret", "sms", "subject", "headers")}
    require_setup(fields["kind"], **has)
    await take_place(session, queries.ALL, most=limits.CHANNELS_PER_WORKSPACE, what="channels")
    values = {name: fields[name] for name in PLAIN} | {"subject_address": fields["subject"]}
    values["language"] = fields["language"] or language_for((await workspaces.get(session)).locale)
    values |= _sealed_url(fields["url"], policy, secrets)
    values |= _sealed_headers(with_changes({}, fields["headers"]), secrets)
    secret, public_key = fields["secret"], None
    if fields["kind"] == Kind.WEB_PUSH:
        secret, public_key = new_keys(random_secrets.token_bytes)
    values |= {"sealed_secret": _sealed(secret, SECRET_PURPOSE, secrets), "public_key": public_key}
    return resources.create(session, Channel, status=ChannelStatus.ENABLED, **values)


def _sealed(plain: str | None, purpose: str, secrets: SecretBox) -> str | None:
    return None if plain is None else secrets.seal(plain.encode(), purpose=purpose)


def _sealed_url(url: str | None, policy: AddressPolicy, secrets: SecretBox) -> dict[str, Any]:
    if url is None:
        return {"sealed_url": None, "url": None}
    checked = checked_url(url, policy)
    return {"sealed_url": _sealed(checked, URL_PURPOSE, secrets), "url": without_path(checked)}


def _sealed_headers(headers: Mapping[str, str], secrets: SecretBox) -> dict[str, Any]:
    sealed = _sealed(write_document(headers), HEADERS_PURPOSE, secrets) if headers else None
    return {"sealed_headers": sealed, "header_names": list(headers)}


def _opened(sealed: str | None, purpose: str, secrets: SecretBox) -> str | None:
    return None if sealed is None else secrets.open(sealed, purpose=purpose).decode()


def _opened_headers(channel: Channel, secrets: SecretBox) -> dict[str, str]:
    opened = _opened(channel.sealed_headers, HEADERS_PURPOSE, secrets)
    return {} if opened is None else read_document(opened)


async def change_channel(
    session: AsyncSession,
    channel_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
    policy: AddressPolicy,
    secrets: SecretBox,
) -> Channel:
    """Change a channel; raises NotFound, StaleVersion, Invalid (422)."""
    channel = await queries.lock_channel(session, channel_id, expected)
    with changing(session, channel, _checked(channel, dict(changes), policy=policy, secrets=secrets)):
        require_setup(
            channel.kind,
            has_url=channel.sealed_url is not None,
            has_secret=channel.secret is not None,
            has_sms=channel.sms is not None,
            has_subject=channel.subject_address is not None,
            has_headers=bool(channel.header_names),
        )
    return channel


def _checked(channel: Channel, changes: dict[str, Any], *, policy: AddressPolicy, secrets: SecretBox) -> dict[str, Any]:
    """Return changes as they are kept; sealed anew the same secret would look like another."""
    if "subject" in changes:
        changes["subject_address"] = changes.pop("subject")
    if changes.get("url") == channel.url:
        changes.pop("url", None)
    if "url" in changes:
        new = _sealed_url(changes.pop("url"), policy, secrets)
        is_same = _opened(channel.sealed_url, URL_PURPOSE, secrets) == _opened(new["sealed_url"], URL_PURPOSE, secrets)
        changes |= {} if is_same else new
    if "secret" in changes:
        wanted = changes.pop("secret")
        if channel.kind == Kind.WEB_PUSH and wanted is not None:
            raise Invalid("/secret", f"is nothing that {channel.kind} has")
        if (
            channel.kind != Kind.WEB_PUSH
            and wanted is not True
            and wanted != _opened(channel.sealed_secret, SECRET_PURPOSE, secrets)
        ):
            changes["sealed_secret"] = _sealed(wanted, SECRET_PURPOSE, secrets)
    if "headers" in changes:
        had = _opened_headers(channel, secrets)
        wanted = with_changes(had, changes.pop("headers"))
        changes |= {} if wanted == had else _sealed_headers(wanted, secrets)
    return changes


async def delete_channel(session: AsyncSession, channel_id: UUID, *, expected: Precondition) -> None:
    """Throw a channel away, with the contacts that are of it; what waits for it fails."""
    await resources.delete(session, await queries.lock_channel(session, channel_id, expected))


async def enabled_ways(session: AsyncSession, workspaces: Collection[str]) -> dict[tuple[str, str], UUID]:
    """Return by (workspace, channel of messages) the oldest way that is enabled; also for a session that entered as a worker."""
    found: dict[tuple[str, str], UUID] = {}
    for row in await queries.enabled_channels(session, workspaces):
        found.setdefault((row.workspace, row.channel), row.id)
    return found


async def setups(session: AsyncSession, workspaces: Collection[str], secrets: SecretBox) -> dict[UUID, Setup]:
    """Return what the enabled channels of some workspaces are called with; also for a session that entered as a worker."""
    return {row.id: setup_of(row, secrets) for row in await queries.enabled_channels(session, workspaces)}


def setup_of(channel: Channel, secrets: SecretBox) -> Setup:
    """Return what a channel is called with."""
    return Setup(
        kind=channel.kind,
        url=_opened(channel.sealed_url, URL_PURPOSE, secrets) or "",
        secret=_opened(channel.sealed_secret, SECRET_PURPOSE, secrets),
        headers=_opened_headers(channel, secrets),
        rate=rate_of(channel.kind, channel.rate_limit),
        settings=(channel.sms or {}) | {"subject": channel.subject_address},
    )
