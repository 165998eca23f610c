"""Send what a template and its data come to, or words given at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit
from opsloop_common.db import context_of
from opsloop_common.errors import Invalid
from opsloop_common.ids import uuid7
from opsloop_notifications.consent.rules import GENERAL
from opsloop_notifications.messages import service as messages
from opsloop_notifications.recipients.service import reach
from opsloop_notifications.templates.service import contents_to_send, latest_of, say
from opsloop_notifications.wording.rules import Contents, Said

TEST_MARKS = {"zh": "【测试】"}
TEST_MARK = "[Test] "


@dataclass(frozen=True)
class Wanted:
    """What is to be said of which topic: in the words of a template, in one of its versions, or in `contents`; filled with `data`."""

    data: Mapping[str, Any]
    template: str | None = None
    version: int | None = None
    contents: Contents = ()
    topic: str = GENERAL
    digest_key: str | None = None


async def send_message(
    session: AsyncSession, wanted: Wanted, user_ids: Sequence[str], channels: Sequence[str], *, is_test: bool = False
) -> UUID:
    """Make one notification a person and channel, to be sent from now on; returns the message's id.

    All is worked out first, so that nothing goes out where a language lacks a value. Raises Invalid (422), Conflict (409).
    """
    version, contents = await _contents(session, wanted)
    said = await say(contents, wanted.data, channels)
    _require_words(said, channels)
    id = uuid7()
    kept = [_marked(one) for one in said] if is_test else said
    about = {"template": wanted.template, "template_version": version, "is_test": is_test}
    await messages.keep_message(
        session, id, kept, campaign_id=None, topic=wanted.topic, digest_key=wanted.digest_key, **about
    )
    for channel in channels:
        await messages.tell(session, id, channel, user_ids)
    audit.record(
        session, "message.created", f"message/{id}", after=about | {"channels": channels, "people": len(user_ids)}
    )
    return id


async def _contents(session: AsyncSession, wanted: Wanted) -> tuple[int | None, Contents]:
    if wanted.template is None:
        return None, wanted.contents
    return await contents_to_send(session, wanted.template, wanted.version)


def _require_words(said: Sequence[Said], channels: Sequence[str]) -> None:
    for number, channel in enumerate(channels):
        if all(one["channel"] != channel for one in said):
            raise Invalid(f"/channels/{number}", f"there are no words for {channel}")


def _marked(said: Said) -> Said:
    mark = TEST_MARKS.get(said["locale"].lower().partition("-")[0], TEST_MARK)
    name = "body" if said["subject"] is None else "subject"
    return said | {name: mark + said[name]}


async def send_test(
    session: AsyncSession,
    key: str,
    user_id: str,
    channels: Sequence[str],
    *,
    version: int | None,
    data: Mapping[str, Any] | None,
) -> UUID:
    """Send what a template comes to, marked as a test, to one person whose address somebody put here by hand.

    Never to an address that is given with the request, nor to one that was only heard of: that would send mail to strangers.
    Raises NotFound, Invalid (422).
    """
    latest, sample = await latest_of(session, key)
    who = (context_of(session).workspace, user_id)
    known = (await reach(session, {who})).get(who)
    if known is None or not known.is_by_hand:
        raise Invalid("/user_id", "must be a recipient that was put here by hand")
    wanted = Wanted(sample if data is None else data, key, latest if version is None else version)
    return await send_message(session, wanted, [user_id], channels, is_test=True)
