"""Use cases of contacts: keep them, find them for messages, forget them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.db import context_of
from opsloop_common.documents import read_document, write_document
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.outbound.client import BadUrl, check_url
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import Precondition
from opsloop_notifications.channels.service import Channel, enabled_ways, find_channel, setup_of, setups
from opsloop_notifications.contacts import queries, rules
from opsloop_notifications.contacts.models import Contact as Contact
from opsloop_notifications.contacts.rules import KIND_FOR, ContactKind
from opsloop_notifications.recipients.service import reach
from opsloop_notifications.ways.rules import CALLED, PUSH, SMS, Setup, Target

KEYS_PURPOSE = "keys of a browser"


class Address(NamedTuple):
    """By which channel a person is reached, and where as far as that is one address to keep; else only that there is one."""

    channel_id: UUID
    address: str


class Reach(NamedTuple):
    """Who is reached by a channel of messages. `is_configured` False: nobody is, since the workspace has no such way."""

    is_configured: bool
    people: Mapping[str, Address]


@dataclass(frozen=True)
class Aim:
    """Where a call goes: of which channel, with what it is called with. `contact_id` None: to whoever is in the chat."""

    contact_id: UUID | None
    channel_id: UUID
    setup: Setup
    target: Target


def require_own(user_id: str, as_user: str | None) -> None:
    """Raise NotFound for a person's token that asks about somebody else."""
    if as_user is not None and as_user != user_id:
        raise NotFound.of("contact")


async def require_known(session: AsyncSession, user_id: str) -> None:
    """Raise NotFound (404) for a person that nobody knows."""
    who = {(context_of(session).workspace, user_id)}
    if not await queries.contacts_by_person(session, who) and not await reach(session, who):
        raise NotFound.of("recipient", by="user_id")


async def add_contact(
    session: AsyncSession, user_id: str, fields: Mapping[str, Any], *, policy: AddressPolicy, secrets: SecretBox
) -> Contact:
    """Keep where a person is reached. A number and a chat take the place of the one before, a browser that of whoever had it.

    Raises Invalid (422).
    """
    kind = ContactKind(fields["kind"])
    if kind is not ContactKind.PHONE:
        channel = await find_channel(session, fields["channel_id"])
        rules.require_channel(kind, None if channel is None else channel.kind)
    values = {"channel_id": fields["channel_id"], "address": fields["address"] or "", "sealed_keys": None}
    await workspaces.lock(session)  # what is one of a person, or of few, is counted one after the other
    if kind is ContactKind.PUSH:
        values["address"] = _checked(values["address"], policy)
        keys = write_document(fields["keys"]).encode()
        values["sealed_keys"] = secrets.seal(keys, purpose=KEYS_PURPOSE)
        known = await queries.find_device(session, values["address"])
    else:
        known = await queries.find_one(session, user_id, kind)
    if known is not None:
        return resources.change(session, known, values | {"user_id": user_id})
    if kind is ContactKind.PUSH:
        for old in (await queries.devices_of(session, user_id))[limits.DEVICES_PER_PERSON - 1 :]:
            await resources.delete(session, old)
    return resources.create(session, Contact, user_id=user_id, kind=kind, **values)


def _checked(url: str, policy: AddressPolicy) -> str:
    try:
        return check_url(url, policy).url
    except BadUrl as error:
        raise Invalid("/address", str(error)) from error


async def delete_contact(session: AsyncSession, user_id: str, contact_id: UUID, *, expected: Precondition) -> None:
    """Forget one contact of a person; raises NotFound, StaleVersion."""
    await resources.delete(session, await queries.lock_contact(session, user_id, contact_id, expected))


async def reach_by(session: AsyncSession, channel: str, user_ids: Collection[str]) -> Reach:
    """Return who of some people a channel of messages reaches now."""
    workspace = context_of(session).workspace
    way = (await enabled_ways(session, [workspace])).get((workspace, channel))
    if way is None:
        return Reach(False, {})
    asked = {(workspace, user_id) for user_id in user_ids}
    found = await queries.contacts_by_person(session, asked, KIND_FOR[channel])
    people = {user_id: contacts[0] for (_, user_id), contacts in found.items()}
    return Reach(
        True,
        {
            id: Address(each.channel_id or way, each.address if channel == SMS else channel)
            for id, each in people.items()
        },
    )


async def channels_of(session: AsyncSession, user_id: str) -> list[str]:
    """Return by which channels of messages a person is reached now, besides mail and inbox."""
    return [channel for channel in CALLED if user_id in (await reach_by(session, channel, [user_id])).people]


async def aims(
    session: AsyncSession, asked: Collection[tuple[str, str, str]], secrets: SecretBox
) -> dict[tuple[str, str, str], list[Aim] | None]:
    """Return where calls for (workspace, user id, channel) go, None where the workspace has no such way that is enabled.

    For a session that entered as a worker.
    """
    workspaces = {workspace for workspace, _, _ in asked}
    people = await queries.contacts_by_person(session, {each[:2] for each in asked})
    ways, known = await enabled_ways(session, workspaces), await setups(session, workspaces, secrets)

    def of(workspace: str, user_id: str, channel: str) -> list[Aim] | None:
        way = ways.get((workspace, channel))
        if way is None:
            return None
        found = [each for each in people.get((workspace, user_id), ()) if each.kind == KIND_FOR[channel]]
        through = [(each, each.channel_id or way) for each in found]
        return [Aim(each.id, id, known[id], target_of(each, secrets)) for each, id in through if id in known]

    return {each: of(*each) for each in asked}


async def aim_at(session: AsyncSession, channel: Channel, contact_id: UUID | None, secrets: SecretBox) -> Aim | None:
    """Return where a call through one channel goes, to one contact or to whoever is in the chat; None when the contact is gone."""
    contact = None if contact_id is None else await resources.find(session, Contact, Contact.id == contact_id)
    if contact_id is not None and contact is None:
        return None
    target = Target("") if contact is None else target_of(contact, secrets)
    return Aim(contact_id, channel.id, setup_of(channel, secrets), target)


def target_of(contact: Contact, secrets: SecretBox) -> Target:
    """Return where a contact is called."""
    if contact.sealed_keys is None:
        return Target(contact.address)
    return Target(contact.address, read_document(secrets.open(contact.sealed_keys, purpose=KEYS_PURPOSE)))


async def find_for(session: AsyncSession, user_id: str, channel: str) -> Sequence[Contact]:
    """Return a person's contacts that a channel of messages uses."""
    own = (context_of(session).workspace, user_id)
    return (await queries.contacts_by_person(session, {own}, KIND_FOR[channel])).get(own, [])


async def forget_gone(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Forget browsers that take nothing any more; the session has entered as a worker."""
    await session.execute(delete(Contact).where(Contact.id.in_(sorted(ids)), Contact.kind == PUSH))


async def erase_contacts(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget where people who were erased are reached."""
    own = Contact.workspace == context_of(session).workspace
    await session.execute(delete(Contact).where(own, Contact.user_id.in_(user_ids)))
