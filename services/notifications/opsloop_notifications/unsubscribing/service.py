"""Make the links of mails, and do what whoever has one asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_common.secretbox import SecretBox
from opsloop_notifications.recipients import service as recipients
from opsloop_notifications.suppressions.service import suppress
from opsloop_notifications.topics import service as topics
from opsloop_notifications.unsubscribing.rules import Link, Sign, read_token, token_of

PAGE = "unsubscribe"
_GENERAL = "general"
EVERY = ("none", "hour", "day", "week")
DIGEST = {"at": "09:00", "weekday": "monday"}


@dataclass(frozen=True)
class Choice:
    """A topic as a person finds it on their page."""

    key: str
    name: str
    name_zh: str
    is_on: bool
    every: str = "none"
    """How often its mails are gathered."""


@dataclass(frozen=True)
class Page:
    """What a link shows: the topic of the mail that it came with, and all that may be chosen."""

    topic: Choice
    choices: tuple[Choice, ...]


def _sign(secrets: SecretBox) -> Sign:
    return partial(secrets.digest, purpose="unsubscribe link")


def address_of(link: Link, workspace: str, *, secrets: SecretBox, public_url: str | None) -> str | None:
    """Return the link of a mail; None where the service has no public address that it could lead to."""
    if public_url is None:
        return None
    token = token_of(link, workspace, _sign(secrets))
    return f"{public_url.rstrip('/')}/p/{workspace}/{PAGE}?token={token}"


def read(session: AsyncSession, token: str, *, secrets: SecretBox) -> Link:
    """Return what a link of the session's workspace says; raises NotFound for what is none."""
    workspace = context_of(session).workspace
    links = (read_token(token, workspace, _sign(box)) for box in secrets.with_each_key)
    link = next(filter(None, links), None)
    if link is None:
        raise NotFound("This link is not complete. 此链接不完整。")
    return link


async def show(session: AsyncSession, link: Link) -> Page:
    """Return what a link leads to; nothing changes."""
    person = await recipients.find_person(session, link.person_id)
    wanted, digests = (person.wanted, person.digests) if person is not None else ({}, {})

    def choice(
        key: str, name: str, name_zh: str | None, is_on: bool, digest: Mapping[str, Any] | None = None
    ) -> Choice:
        said = digests.get(key, {}).get(link.channel, digest)
        is_wanted = wanted.get(key, {}).get(link.channel, is_on)
        return Choice(key, name, name_zh or name, is_wanted, said["every"] if said else "none")

    named = [
        choice(topic.key, topic.name, topic.name_zh, topic.is_on, topic.digest)
        for topic in await topics.all_topics(session)
        if not topic.is_critical
    ]
    if _GENERAL not in {each.key for each in named}:
        named.append(choice(_GENERAL, "General messages", "一般消息", True))
    of_mail = next((each for each in named if each.key == link.topic), None)
    return Page(of_mail or choice(link.topic, link.topic, None, True), tuple(named))


async def unsubscribe(session: AsyncSession, link: Link) -> None:
    """Take the person off the link's topic. Of somebody who is not known any more nothing is kept, and nothing is sent."""
    await recipients.unsubscribe(session, link.person_id, topic=link.topic, channel=link.channel)


async def choose(session: AsyncSession, link: Link, kept: Collection[str], every: Mapping[str, str]) -> None:
    """Have the person get those of the topics on their page that they kept, and no others; `every`: how often, where that is another."""
    page = await show(session, link)
    wanted = {each.key: {link.channel: each.key in kept} for each in page.choices}
    digests = {
        each.key: {link.channel: DIGEST | {"every": every[each.key]}}
        for each in page.choices
        if every.get(each.key, each.every) in EVERY and every.get(each.key, each.every) != each.every
    }
    await recipients.choose(session, link.person_id, wanted=wanted, digests=digests)


async def leave(session: AsyncSession, link: Link) -> None:
    """Send nothing more to the person's address, whatever it is about, but what is critical."""
    person = await recipients.find_person(session, link.person_id)
    if person is not None and person.email is not None:
        await suppress(session, person.email, "unsubscribe")
